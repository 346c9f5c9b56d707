// Secret: text that must not end up in a log.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace wrenn::base {

// Has no output operator and no conversion to text: reveal() is the one way to the value and easy
// to find in a review. Comparison takes the same time wherever the texts differ.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  bool equals(std::string_view candidate) const;

 private:
  std::string value_;
};

}  // namespace wrenn::base
