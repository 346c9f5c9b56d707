// COPY and ADD of a Dockerfile. Pure.
#pragma once

#include <string_view>

#include "base/result.h"
#include "recipe/dockerfile_instructions.h"

namespace wrenn::recipe {

// Copy::from_image has the value of --from, whatever it names.
base::Result<Copy> parse_copy(const InstructionText& text, std::string_view arguments,
                              Copy::Kind kind, InstructionContext& context);

// Whether a source of an ADD is fetched.
bool is_url(std::string_view source);
// kUnimplemented for what Docker takes for a git repository.
base::Result<void> refuse_git(std::string_view source);
// Up to four octal digits.
bool is_octal_mode(std::string_view text);

}  // namespace wrenn::recipe
