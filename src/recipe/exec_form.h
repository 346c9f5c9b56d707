// The exec form of a command: a JSON array of strings (RFC 8259), and nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wrenn::recipe {

// Nothing for any other text: Docker then takes it for the shell form. White space around the
// array is allowed, a NUL in a string is not. Pure.
std::optional<std::vector<std::string>> parse_exec_form(std::string_view text);

}  // namespace wrenn::recipe
