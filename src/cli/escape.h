// EscapeFilter: finds what is typed for `wrenn` itself and not for the remote terminal, as ssh
// does: at the beginning of a line, `~.` leaves and `~~` is one `~`. Pure.
#pragma once

#include <string>
#include <string_view>

namespace wrenn::cli {

class EscapeFilter {
 public:
  struct Typed {
    std::string bytes;  // For the other side.
    bool leaves = false;
  };
  Typed feed(std::string_view bytes);

 private:
  enum class State { kLineBegin, kTilde, kInLine };
  State state_ = State::kLineBegin;
};

}  // namespace wrenn::cli
