#include "base/exposition.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace wrenn::base {
namespace {

bool is_name(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto is_fine = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, is_fine);
}

// "le" is the histogram's own.
bool is_label_name(std::string_view text) {
  return is_name(text) && !text.starts_with("__") && text != "le";
}

std::string_view kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "untyped";
}

void append_escaped(std::string& out, std::string_view text, bool is_quoted) {
  const bool is_text = is_valid_utf8(text);
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && is_quoted) {
      out += "\\\"";
    } else {
      out += is_text || static_cast<unsigned char>(c) < 0x80 ? c : '?';
    }
  }
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  out += out.ends_with('{') ? "" : ",";
  out += name;
  out += "=\"";
  append_escaped(out, value, true);
  out += '"';
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

}  // namespace

void Exposition::begin(MetricKind kind, std::string_view name, std::string_view help) {
  name_.clear();
  if (!is_name(name) || !names_.emplace(name).second) {
    log_error("a metric has no name of its own that can be written", {{"name", name}});
    return;
  }
  name_ = name;
  kind_ = kind;
  text_ += concat("# HELP ", name, ' ');
  append_escaped(text_, help, false);
  text_ += concat("\n# TYPE ", name, ' ', kind_name(kind), '\n');
}

void Exposition::sample(MetricLabels labels, double value) {
  write_sample("", labels, number(value));
}

void Exposition::sample(MetricLabels labels, const DurationHistogram& histogram) {
  const auto seen = histogram.snapshot();
  const Bounds bounds = histogram.bounds();
  for (std::size_t i = 0; i < seen.cumulative.size(); ++i) {
    const std::string bound =
        i == bounds.size() ? "+Inf" : number(std::chrono::duration<double>(bounds[i]).count());
    write_sample("_bucket", labels, concat(seen.cumulative[i]), bound);
  }
  write_sample("_sum", labels, number(seen.sum_seconds));
  write_sample("_count", labels, concat(seen.count()));
}

void Exposition::write_sample(std::string_view suffix, MetricLabels labels, std::string_view value,
                              std::string_view upper_bound) {
  const bool is_right = (kind_ == MetricKind::kHistogram) == !suffix.empty() &&
                        std::ranges::all_of(labels, is_label_name, &MetricLabel::name);
  if (name_.empty()) return;
  if (!is_right) {
    log_error("a sample does not fit its metric", {{"name", name_}});
    return;
  }
  text_ += name_;
  text_ += suffix;
  if (labels.size() > 0 || !upper_bound.empty()) {
    text_ += '{';
    for (const auto& label : labels) append_label(text_, label.name, label.value);
    if (!upper_bound.empty()) append_label(text_, "le", upper_bound);
    text_ += '}';
  }
  text_ += concat(' ', value, '\n');
}

std::string Exposition::take() {
  names_.clear();
  name_.clear();
  return std::exchange(text_, {});
}

}  // namespace wrenn::base
