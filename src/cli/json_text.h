// JSON as the commands use it: lenient reading of replies, readable printing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/result.h"

namespace wrenn::cli {

// kInvalidArgument for anything that is not one JSON value.
base::Result<boost::json::value> parse_json(std::string_view text);
// Two spaces a level; scalars of one level on lines of their own. No line end at the end.
std::string pretty_json(const boost::json::value& value);

// Empty, or the fallback, when the field is missing or of another type.
std::string string_field(const boost::json::object& object, std::string_view name);
std::int64_t int_field(const boost::json::object& object, std::string_view name,
                       std::int64_t fallback = 0);

}  // namespace wrenn::cli
