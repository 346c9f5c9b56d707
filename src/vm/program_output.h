// What a program says about itself.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace wrenn::vm {

// Runs a short command (5 s at most) without input and returns what it prints. Blocking.
base::Result<std::string> output_of(std::vector<std::string> argv);

}  // namespace wrenn::vm
