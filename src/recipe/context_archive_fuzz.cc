// Any bytes as an archive: however they come in pieces, the same entries are told; these are safe,
// and an archive made of them says the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "recipe/context_archive.h"
#include "recipe/paths.h"
#include "recipe/tar_writer.h"

namespace {

using namespace wrenn::recipe;

void check(bool holds) {
  if (!holds) std::abort();
}

struct Read {
  std::vector<ContextEntry> entries;
  std::vector<std::string> contents;
  bool whole = false;
};

Read read(std::string_view bytes, std::size_t step) {
  TarReader reader;
  Read out;
  while (true) {
    const auto event = reader.next();
    if (!event) {
      check(!event.error().remedy.empty());
      return out;
    }
    switch (event->kind) {
      case TarEvent::Kind::kNeedInput:
        if (bytes.empty()) return out;
        reader.feed(bytes.substr(0, step));
        bytes.remove_prefix(std::min(step, bytes.size()));
        break;
      case TarEvent::Kind::kEntry:
        out.entries.push_back(event->entry);
        out.contents.emplace_back();
        break;
      case TarEvent::Kind::kData:
        check(!event->data.empty());
        out.contents.back() += event->data;
        break;
      case TarEvent::Kind::kEnd:
        out.whole = true;
        return out;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Read whole = read(bytes, size + 1);
  const Read pieces = read(bytes, 100);
  check(whole.entries == pieces.entries && whole.contents == pieces.contents);
  check(whole.whole == pieces.whole);
  if (!whole.whole) return 0;
  std::string again;
  for (std::size_t i = 0; i < whole.entries.size(); ++i) {
    const ContextEntry& entry = whole.entries[i];
    check(relative_path(entry.path) == entry.path && !entry.path.empty());
    check(entry.size == whole.contents[i].size());
    if (entry.type == ContextEntry::Type::kFile) {
      check(bytes.substr(entry.offset, entry.size) == whole.contents[i]);
    }
    append_tar_header(again, entry);
    again += whole.contents[i];
    append_tar_padding(again, entry.size);
  }
  append_tar_end(again);
  const Read back = read(again, again.size());
  check(back.whole && back.contents == whole.contents);
  for (std::size_t i = 0; i < whole.entries.size(); ++i) {
    check(back.entries[i].path == whole.entries[i].path);
    check(back.entries[i].type == whole.entries[i].type);
    check(back.entries[i].target == whole.entries[i].target);
  }
  return 0;
}
