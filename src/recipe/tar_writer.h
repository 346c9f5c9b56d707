// Writes tar streams that any tar can read: ustar, with pax headers where a name or a size needs
// them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "recipe/context_archive.h"

namespace wrenn::recipe {

struct TarOwner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

// Appends the header of an entry to `out`. entry.path may be any path without NUL; it is written
// as it is. The content of a file, exactly entry.size bytes, and append_tar_padding() follow.
void append_tar_header(std::string& out, const ContextEntry& entry, TarOwner owner = {});
// Appends what fills up the last block of `size` bytes of content.
void append_tar_padding(std::string& out, std::uint64_t size);
// Appends the end mark.
void append_tar_end(std::string& out);

}  // namespace wrenn::recipe
