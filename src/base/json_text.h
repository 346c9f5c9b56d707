// Text as a JSON string. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace wrenn::base {

// Appends the text in quotes. Bytes that are not UTF-8 become '?'.
void append_json_string(std::string& out, std::string_view text);
// Appends "name":"value" to an object that was begun with '{'; before all but the first a comma.
void append_json_field(std::string& out, std::string_view name, std::string_view value);

}  // namespace wrenn::base
