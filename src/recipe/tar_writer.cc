#include "recipe/tar_writer.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace wrenn::recipe {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMaxOctalSize = std::uint64_t{1} << 33;
constexpr std::size_t kMaxName = 100;

class Header {
 public:
  Header() : bytes_(kBlock, '\0') { text(257, std::string_view("ustar\00000", 8)); }
  void text(std::size_t offset, std::string_view value) {
    bytes_.replace(offset, value.size(), value);
  }
  // Octal digits that fill the field but for a NUL.
  void number(std::size_t offset, std::size_t size, std::uint64_t value) {
    for (std::size_t at = offset + size - 1; at-- > offset; value >>= 3) {
      bytes_[at] = static_cast<char>('0' + (value & 7));
    }
  }
  const std::string& finish() {
    text(148, "        ");
    std::uint64_t sum = 0;
    for (const char c : bytes_) sum += static_cast<unsigned char>(c);
    number(148, 7, sum);
    bytes_[154] = '\0';
    return bytes_;
  }

 private:
  std::string bytes_;
};

// "LENGTH KEY=VALUE\n", whose length counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (rest + base::concat(length).size() != length) ++length;
  return base::concat(length, " ", key, "=", value, "\n");
}

void append_pax(std::string& out, const std::string& records) {
  Header header;
  header.text(0, "PaxHeaders/entry");
  header.number(100, 8, 0644);
  header.number(108, 8, 0);
  header.number(116, 8, 0);
  header.number(124, 12, records.size());
  header.number(136, 12, 0);
  header.text(156, "x");
  out += header.finish();
  out += records;
  append_tar_padding(out, records.size());
}

char type_of(ContextEntry::Type type) {
  switch (type) {
    case ContextEntry::Type::kFile:
      return '0';
    case ContextEntry::Type::kHardlink:
      return '1';
    case ContextEntry::Type::kSymlink:
      return '2';
    case ContextEntry::Type::kDirectory:
      return '5';
  }
  return '0';
}

}  // namespace

void append_tar_header(std::string& out, const ContextEntry& entry, TarOwner owner) {
  std::string path = entry.path;
  if (entry.type == ContextEntry::Type::kDirectory && !path.ends_with('/')) path += '/';
  std::string records;
  if (path.size() > kMaxName) records += pax_record("path", path);
  if (entry.target.size() > kMaxName) records += pax_record("linkpath", entry.target);
  if (entry.size >= kMaxOctalSize) records += pax_record("size", base::concat(entry.size));
  constexpr std::uint32_t kMaxOctalId = 1u << 21;
  if (owner.uid >= kMaxOctalId) records += pax_record("uid", base::concat(owner.uid));
  if (owner.gid >= kMaxOctalId) records += pax_record("gid", base::concat(owner.gid));
  if (!records.empty()) append_pax(out, records);

  Header header;
  header.text(0, std::string_view(path).substr(0, kMaxName));
  header.number(100, 8, entry.mode & 07777);
  header.number(108, 8, owner.uid < kMaxOctalId ? owner.uid : 0);
  header.number(116, 8, owner.gid < kMaxOctalId ? owner.gid : 0);
  header.number(124, 12, entry.size < kMaxOctalSize ? entry.size : 0);
  header.number(136, 12,
                static_cast<std::uint64_t>(std::clamp<std::int64_t>(
                    entry.mtime, 0, static_cast<std::int64_t>(kMaxOctalSize) - 1)));
  const char type = type_of(entry.type);
  header.text(156, std::string_view(&type, 1));
  header.text(157, std::string_view(entry.target).substr(0, kMaxName));
  out += header.finish();
}

void append_tar_padding(std::string& out, std::uint64_t size) {
  out.append((kBlock - size % kBlock) % kBlock, '\0');
}

void append_tar_end(std::string& out) {
  out.append(2 * kBlock, '\0');
}

}  // namespace wrenn::recipe
