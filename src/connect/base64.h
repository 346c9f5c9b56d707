// Base64 as the Connect protocol writes it: without padding, in the standard and in the URL-safe
// alphabet (RFC 4648 sections 4 and 5); it is read by base::from_any_base64(). Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace wrenn::connect {

std::string to_unpadded_base64(std::string_view bytes);
std::string to_url_base64(std::string_view bytes);

}  // namespace wrenn::connect
