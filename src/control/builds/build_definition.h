// BuildDefinition: what a client asks a build to make, as the body of POST /v1/builds has it and
// the database keeps it. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/errors.h"
#include "recipe/build_plan.h"

namespace wrenn::control {

struct BuildDefinition {
  std::string name;  // Of the template.
  std::string tag;
  // One of the two is there.
  std::optional<std::string> dockerfile;
  std::vector<std::string> recipe;
  std::map<std::string, std::string> build_args;  // This and the next: of a Dockerfile.
  std::string target;
  std::string base_template;  // This and the next: of a recipe.
  bool has_phases = true;
  std::string context;  // SHA-256 of the archive with its files; empty: it has none.
  // Absent: those of the base, or 1, 512 and 5120.
  std::optional<int> vcpus;
  std::optional<int> memory_mb;
  std::optional<int> disk_mb;
  std::string start_command;  // For the shell, in place of what the Dockerfile or recipe says.
  std::string ready_check;    // As recipe::parse_ready_check takes it, likewise.
  bool uses_cache = true;
};

inline constexpr std::size_t kMaxBuildBody = std::size_t{2} << 20;

Answer<BuildDefinition> parse_build(std::string_view body);
// kInvalidRequest with the line that is wrong, and what to do.
Answer<recipe::BuildPlan> plan_of(const BuildDefinition& definition);
// 64 hexadecimal digits, lower case.
bool is_digest(std::string_view text);

}  // namespace wrenn::control
