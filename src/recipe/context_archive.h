// TarReader: takes a tar stream (ustar, pax, GNU) apart as it comes, in constant memory but for the
// names it has seen. Strict: what is not an ordinary file, directory or link with a path inside
// the archive is refused, as is a path that comes twice or leads through a link. Only directories
// may be named again, which means nothing; those that are not named have no entry. Pure; meets
// hostile bytes and is fuzzed. gzip is undone elsewhere.
//
//   TarReader reader(limits);
//   while (true) {
//     WRENN_TRY_ASSIGN(auto event, reader.next());
//     if (event.kind == TarEvent::Kind::kNeedInput) reader.feed(...);
//     ...
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::recipe {

struct ContextEntry {
  enum class Type { kFile, kDirectory, kSymlink, kHardlink };
  std::string path;  // "a/b": relative, without ".", ".." and slashes at its end; UTF-8.
  Type type = Type::kFile;
  std::uint32_t mode = 0;    // Permission bits, 07777.
  std::int64_t mtime = 0;    // Seconds since 1970.
  std::uint64_t size = 0;    // Of a file.
  std::uint64_t offset = 0;  // Of a file: where its content begins in the stream.
  // Of a symlink as it is, wherever it leads; of a hard link the path of an earlier file.
  std::string target;
  bool operator==(const ContextEntry&) const = default;
};

struct ArchiveLimits {
  std::uint64_t total_size = std::uint64_t{4} << 30;  // Of all files' content.
  std::uint64_t file_size = std::uint64_t{4} << 30;
  std::size_t entries = 200'000;
  std::size_t path = 4096;                    // Bytes of a path or a link's target.
  std::size_t names = std::size_t{64} << 20;  // Bytes of all paths.
  std::size_t extended_header = 64 * 1024;    // Bytes of one pax or GNU header.
};

struct TarEvent {
  enum class Kind {
    kNeedInput,  // Feed more; if there is no more, the archive is cut short.
    kEntry,      // `entry`
    kData,       // Some content of the last entry: never empty, valid until the next feed().
    kEnd,        // The end mark was seen; what follows is padding.
  };
  Kind kind = Kind::kNeedInput;
  ContextEntry entry;
  std::string_view data;
};

class TarReader {
 public:
  explicit TarReader(ArchiveLimits limits = {});

  // Takes a view: the bytes must stay until next() asks for input. Only to be called at first and
  // when it has asked.
  void feed(std::string_view bytes);
  // kInvalidArgument for what is not tar or not allowed, with the entry's name; kResourceExhausted
  // past a limit. Not to be called again after an error; after kEnd always kEnd.
  base::Result<TarEvent> next();

 private:
  enum class State { kHeader, kExtended, kData, kPadding, kEndMark, kEnd };
  // What pax and GNU headers say about the entry that follows them.
  struct Extended {
    std::optional<std::string> path;
    std::optional<std::string> target;
    std::optional<std::uint64_t> size;
    std::optional<std::int64_t> mtime;
    bool is_empty() const { return !path && !target && !size && !mtime; }
  };
  struct Seen {
    ContextEntry::Type type = ContextEntry::Type::kDirectory;
    bool implied = false;  // Only something in it was seen.
  };

  bool fill_block();
  std::string_view take(std::uint64_t most);
  base::Result<bool> read_header();
  void begin_padding(std::uint64_t size);
  base::Result<void> begin_extended(char type, std::uint64_t size);
  base::Result<void> end_extended();
  base::Result<void> parse_pax(std::string_view records);
  base::Result<void> pax_record(std::string_view key, std::string_view value);
  // False for an entry that says nothing new: the root, or a directory again.
  base::Result<bool> begin_entry(char type, std::uint64_t size);
  base::Result<ContextEntry> entry_of(char type) const;
  base::Result<std::string> path_of(std::string_view text, std::string_view what) const;
  base::Result<bool> remember(const ContextEntry& entry);
  base::Result<void> remember_parents(std::string_view path);
  base::Result<void> insert(std::string path, Seen seen);

  ArchiveLimits limits_;
  State state_ = State::kHeader;
  std::string_view input_;
  std::uint64_t position_ = 0;  // Bytes of the stream that were dealt with.
  std::string block_;           // As much of a header as there is.
  char extended_type_ = 0;
  std::string extended_text_;
  Extended extended_;
  std::uint64_t remaining_ = 0;  // Content of the entry or header that is yet to come,
  std::uint64_t padding_ = 0;    // and what fills its last block.
  std::uint64_t total_size_ = 0;
  std::size_t names_ = 0;
  ContextEntry entry_;
  std::map<std::string, Seen, std::less<>> seen_;
};

}  // namespace wrenn::recipe
