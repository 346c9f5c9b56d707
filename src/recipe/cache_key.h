// The names of layers: what a step does to what it is done to, as a SHA-256. Equal keys mean the
// same result, as far as a build can know: what a command fetches from the network is not in it.
//
// Every part is written with its length in front, so that no two different inputs give the same
// bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "recipe/build_state.h"

namespace wrenn::recipe {

// 64 hexadecimal digits.
using LayerKey = std::string;

// Goes into every key. It is raised when the builder does something else for the same input.
inline constexpr std::uint32_t kBuilderVersion = 1;

// One file, directory or link that a COPY or an ADD brings, as it is to be in the sandbox.
struct CopiedFile {
  enum class Type { kFile, kDirectory, kSymlink };
  std::string path;  // Below the destination.
  Type type = Type::kFile;
  std::uint32_t mode = 0;  // Permission bits.
  std::string digest;      // SHA-256 of the content of a file; the target of a link.
  bool operator==(const CopiedFile&) const = default;
};

struct StepInputs {
  // Of a copy from the context, and what was fetched from URLs. Their order does not matter.
  std::vector<CopiedFile> files;
  // Of a copy from another stage or an image: its key. What it copies is in the action.
  LayerKey from;
};

// Of the base of a stage: `identity` names it and its content, e.g. "template minimal" and a
// digest.
LayerKey base_key(std::string_view kind, std::string_view identity);
// Of what there is after the action. An action that does nothing has its parent's key.
LayerKey step_key(const LayerKey& parent, const Action& action, const StepInputs& inputs);

}  // namespace wrenn::recipe
