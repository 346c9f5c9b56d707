// Base64 as the Connect protocol has it: written without padding; read with or without, in the
// standard and in the URL-safe alphabet (RFC 4648 sections 4 and 5). Pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wrenn::connect {

std::string to_unpadded_base64(std::string_view bytes);
std::string to_url_base64(std::string_view bytes);
// Nothing for text that is neither.
std::optional<std::string> from_any_base64(std::string_view text);

}  // namespace wrenn::connect
