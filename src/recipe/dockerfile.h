// Dockerfiles, as their public reference describes them
// (https://docs.docker.com/reference/dockerfile/), into a BuildPlan.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "recipe/build_plan.h"

namespace wrenn::recipe {

struct BuildOptions {
  Environment build_args;  // Values for ARG.
  std::string target;      // Name or number of the stage to build; empty: the last one.
};

inline constexpr std::size_t kMaxDefinition = std::size_t{1} << 20;  // Bytes of a build definition.
inline constexpr std::size_t kMaxStages = 64;
inline constexpr std::size_t kMaxInstructions = 1000;
inline constexpr std::size_t kMaxBuildArgs = 1000;
// Words of one instruction.
inline constexpr std::size_t kMaxWords = 4096;
// Bytes of a command: the kernel takes 128 KiB as one argument.
inline constexpr std::size_t kMaxCommand = 120 * 1024;

// kInvalidArgument for what cannot be built, kUnimplemented for what Docker could build and this
// cannot, kResourceExhausted past a limit; each names the line and says what to do. What has no
// effect here is accepted with a warning.
//
// Beyond Docker: RUN takes --timeout=5m. Less than Docker: no mounts of RUN, no git sources, no
// ONBUILD, and linux/amd64 is the only platform.
base::Result<BuildPlan> parse_dockerfile(std::string_view text, const BuildOptions& options);

}  // namespace wrenn::recipe
