// What kind of program a file is: the little of ELF that one has to know before it is run.
#pragma once

#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::base {

struct ElfFacts {
  bool is_static = false;  // It names no dynamic loader.
};

// kInvalidArgument for anything but a 64-bit program for x86-64. Pure. `head`: the file's first
// bytes, of which the program headers are to be a part: 4096 are plenty.
Result<ElfFacts> parse_elf(std::string_view head);
// Blocking.
Result<ElfFacts> read_elf(const Path& path);

}  // namespace wrenn::base
