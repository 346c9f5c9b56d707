// Text as a JSON string. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace wrenn::connect {

// Appends the text in quotes. Bytes that are not UTF-8 become '?'.
void append_json_string(std::string& out, std::string_view text);

}  // namespace wrenn::connect
