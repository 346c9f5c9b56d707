#include "cli/escape.h"

namespace wrenn::cli {

EscapeFilter::Typed EscapeFilter::feed(std::string_view bytes) {
  Typed typed;
  for (const char c : bytes) {
    if (state_ == State::kLineBegin && c == '~') {
      state_ = State::kTilde;
      continue;
    }
    if (state_ == State::kTilde) {
      if (c == '.') {
        typed.leaves = true;
        return typed;
      }
      typed.bytes += '~';
      state_ = State::kInLine;
      if (c == '~') continue;
    }
    typed.bytes += c;
    state_ = c == '\r' || c == '\n' ? State::kLineBegin : State::kInLine;
  }
  return typed;
}

}  // namespace wrenn::cli
