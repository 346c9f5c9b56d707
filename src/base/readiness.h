// Readiness: whether a program can do its work now, check by check, for those who send it work and
// for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wrenn::base {

enum class CheckStatus { kOk, kWarning, kFailed };

struct ReadinessCheck {
  std::string name;
  CheckStatus status = CheckStatus::kOk;
  std::string message = {};  // What is wrong and what to do; it is shown to everybody.
};

struct Readiness {
  std::vector<ReadinessCheck> checks;

  // Warnings leave it ready: others can do the work, or most of it goes on.
  bool is_ready() const;
  // 200 or 503.
  int http_status() const;
  // {"status":"ready","version":...,"checks":[{"name":...,"status":"ok"},...]}; a check that is not
  // ok has a message.
  std::string to_json(std::string_view version) const;
};

}  // namespace wrenn::base
