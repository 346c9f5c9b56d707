// Errors of build definitions: each names its line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/strings.h"

namespace wrenn::recipe {

inline std::unexpected<base::Error> fail_at(std::size_t line, base::Code code,
                                            std::string_view message, std::string remedy) {
  return base::fail(code, base::concat("line ", line, ": ", message), std::move(remedy));
}

inline std::unexpected<base::Error> refuse_at(std::size_t line, std::string_view message,
                                              std::string remedy) {
  return fail_at(line, base::Code::kInvalidArgument, message, std::move(remedy));
}

}  // namespace wrenn::recipe
