// The media type of a file by the end of its name. Pure.
#pragma once

#include <string_view>

namespace wrenn::envd {

// application/octet-stream for what is not in a short table.
std::string_view content_type_of(std::string_view file_name);

}  // namespace wrenn::envd
