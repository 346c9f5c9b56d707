#include "vm/memory_mapping.h"

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::vm {
namespace {

using base::Code;
using base::concat;
using base::Result;

// Lines of a mapping for each of kMaxMemoryExtents, and QEMU's own.
constexpr std::uint64_t kMaxText = 64ull << 20;

struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool is_private = false;
  std::uint64_t offset = 0;
  std::string_view file;  // "08:01 1234", the device and the inode; empty for none.
};

// Takes a number in hexadecimal from the front, with the character after it.
bool take_hex(std::string_view& text, char after, std::uint64_t& value) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  const auto length = static_cast<std::size_t>(end.ptr - text.data());
  if (end.ec != std::errc() || length >= text.size() || text[length] != after) return false;
  text.remove_prefix(length + 1);
  return true;
}

// "7f0000000000-7f0000200000 rw-p 00001000 08:01 1234   /a/path"
bool parse(std::string_view line, Mapping& mapping) {
  constexpr std::size_t kAccess = 4;
  if (!take_hex(line, '-', mapping.begin) || !take_hex(line, ' ', mapping.end)) return false;
  if (line.size() < kAccess + 1) return false;
  mapping.is_private = line[kAccess - 1] == 'p';
  line.remove_prefix(kAccess + 1);
  if (!take_hex(line, ' ', mapping.offset)) return false;
  const auto device = line.find(' ');
  if (device == std::string_view::npos) return false;
  mapping.file = line.substr(0, line.find(' ', device + 1));
  if (mapping.file.ends_with(" 0")) mapping.file = {};
  return true;
}

class Check {
 public:
  Check(const MemorySource& source, const MemoryMap& map) : source_(source), map_(map) {}

  // The next mapping of the process, in order; false when it is not as it must be.
  bool see(const Mapping& mapping) {
    for (; next_ < map_.extents.size(); ++next_) {
      const MemoryExtent& extent = map_.extents[next_];
      const std::uint64_t from = source_.address + done_;
      const std::uint64_t extent_end = source_.address + extent.offset + extent.length;
      if (mapping.end <= from) return true;
      if (mapping.begin > from || !mapping.is_private) return false;
      if (!fits(mapping, extent, from)) return false;
      if (mapping.end < extent_end) {
        done_ = mapping.end - source_.address;
        return true;
      }
      done_ = extent.offset + extent.length;
    }
    return true;
  }
  bool is_complete() const { return next_ == map_.extents.size(); }

 private:
  bool fits(const Mapping& mapping, const MemoryExtent& extent, std::uint64_t from) {
    if (extent.layer == kZeroLayer) return mapping.file.empty();
    auto& file = files_[static_cast<std::size_t>(extent.layer)];
    if (file.empty()) file = mapping.file;
    return !mapping.file.empty() && mapping.file == file &&
           mapping.offset + (from - mapping.begin) ==
               extent.layer_offset + (from - source_.address - extent.offset);
  }

  const MemorySource& source_;
  const MemoryMap& map_;
  std::size_t next_ = 0;    // The extent that is looked for.
  std::uint64_t done_ = 0;  // All before this is as it must be.
  std::array<std::string_view, kMaxMemoryLayers> files_;
};

}  // namespace

Result<void> check_mapping(const MemorySource& source, const MemoryMap& map) {
  WRENN_TRY_ASSIGN(const std::string text,
                   base::read_file(concat("/proc/", source.pid, "/maps"), kMaxText));
  Check check(source, map);
  bool is_good = true;
  for (std::string_view rest = text; is_good && !rest.empty() && !check.is_complete();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    Mapping mapping;
    is_good = parse(line, mapping) && check.see(mapping);
  }
  if (is_good && check.is_complete()) return {};
  return base::fail(Code::kInternal,
                    "the memory of a VM is not mapped as it was when the VM was started");
}

}  // namespace wrenn::vm
