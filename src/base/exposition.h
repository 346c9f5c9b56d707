// Exposition: figures as text that Prometheus and its like read (text format 0.0.4). Pure.
//
//   Exposition out;
//   out.begin(MetricKind::kCounter, "wrenn_things_total", "Things that were made.");
//   out.sample({{"kind", "good"}}, 7);
//
// Names end in their unit (_seconds, _bytes), counters in _total. A name, a kind of label or a
// second begin() of the same name that the format forbids is a defect of the caller: what it would
// have written is left out, and logged.
#pragma once

#include <concepts>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>

#include "base/instruments.h"
#include "base/strings.h"

namespace wrenn::base {

enum class MetricKind { kCounter, kGauge, kHistogram };

struct MetricLabel {
  std::string_view name;
  std::string_view value;  // Any text; bytes that are not UTF-8 become '?'.
};
using MetricLabels = std::initializer_list<MetricLabel>;

inline constexpr std::string_view kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

class Exposition {
 public:
  // The samples that follow are of this family.
  void begin(MetricKind kind, std::string_view name, std::string_view help);

  template <std::integral T>
  void sample(MetricLabels labels, T value) {
    write_sample("", labels, concat(value));
  }
  void sample(MetricLabels labels, double value);
  // Seconds; of a family of this kind alone.
  void sample(MetricLabels labels, const DurationHistogram& histogram);

  // One family with one sample.
  template <class T>
  void single(MetricKind kind, std::string_view name, std::string_view help, const T& value) {
    begin(kind, name, help);
    sample({}, value);
  }

  // Of all of it; the object is empty afterwards.
  std::string take();

 private:
  void write_sample(std::string_view suffix, MetricLabels labels, std::string_view value,
                    std::string_view upper_bound = {});

  std::string text_;
  std::string name_;  // Of the family; empty: it is left out.
  MetricKind kind_ = MetricKind::kGauge;
  std::set<std::string, std::less<>> names_;
};

}  // namespace wrenn::base
