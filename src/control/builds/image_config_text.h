// What a template that was built says of how programs run in it, as the database keeps it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "recipe/build_state.h"

namespace wrenn::control {

std::string to_text(const recipe::ImageConfig& config);
// Of an empty text: of a template that says nothing. kDataLoss for what to_text() did not write.
base::Result<recipe::ImageConfig> parse_image_config(std::string_view text);

}  // namespace wrenn::control
