#include "recipe/context_archive.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "recipe/paths.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;
using base::fail;

// The fields of a header (POSIX pax, "ustar Interchange Format").
constexpr std::size_t kBlock = 512;
struct Field {
  std::size_t offset;
  std::size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kSize{124, 12};
constexpr Field kMtime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kLink{157, 100};
constexpr Field kMagic{257, 8};
constexpr Field kPrefix{345, 155};

constexpr std::string_view kUstar("ustar\00000", 8);
constexpr std::string_view kGnu("ustar  \0", 8);

std::string_view bytes_of(std::string_view block, Field field) {
  return block.substr(field.offset, field.size);
}

// Up to the first NUL.
std::string_view text_of(std::string_view block, Field field) {
  const std::string_view bytes = bytes_of(block, field);
  return bytes.substr(0, bytes.find('\0'));
}

// Octal digits between spaces and NULs, or, of GNU, a big-endian number behind a set bit. What is
// negative or too large is nothing.
std::optional<std::uint64_t> number_of(std::string_view block, Field field) {
  std::string_view bytes = bytes_of(block, field);
  const auto first = static_cast<unsigned char>(bytes.front());
  std::uint64_t value = 0;
  if ((first & 0x80) != 0) {
    if (first != 0x80) return std::nullopt;
    for (const char c : bytes.substr(1)) {
      if (value >> 55 != 0) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  while (bytes.starts_with(' ')) bytes.remove_prefix(1);
  while (bytes.ends_with(' ') || bytes.ends_with('\0')) bytes.remove_suffix(1);
  for (const char c : bytes) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value << 3 | static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

bool has_good_checksum(std::string_view block) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < kBlock; ++at) {
    const bool own = at >= kChecksum.offset && at < kChecksum.offset + kChecksum.size;
    sum += own ? ' ' : static_cast<unsigned char>(block[at]);
  }
  return number_of(block, kChecksum) == sum;
}

std::unexpected<base::Error> refuse(std::string message, std::string remedy) {
  return fail(Code::kInvalidArgument, "the archive " + std::move(message), std::move(remedy));
}

std::unexpected<base::Error> refuse_entry(std::string_view path, std::string_view why,
                                          std::string remedy) {
  return fail(Code::kInvalidArgument,
              concat("the archive's entry \"", path.substr(0, 200), "\" ", why), std::move(remedy));
}

std::unexpected<base::Error> too_much(std::string message) {
  return fail(Code::kResourceExhausted, "the archive " + std::move(message),
              "leave out what the build does not need (.dockerignore)");
}

constexpr std::string_view kMakeAnew = "make the archive anew, with tar or wrenn template build";

bool is_regular(char type) {
  return type == '0' || type == '\0' || type == '7';
}

}  // namespace

TarReader::TarReader(ArchiveLimits limits) : limits_(limits) {
  block_.reserve(kBlock);
}

void TarReader::feed(std::string_view bytes) {
  input_ = bytes;
}

std::string_view TarReader::take(std::uint64_t most) {
  const std::string_view taken =
      input_.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(most, input_.size())));
  input_.remove_prefix(taken.size());
  position_ += taken.size();
  return taken;
}

bool TarReader::fill_block() {
  block_ += take(kBlock - block_.size());
  return block_.size() == kBlock;
}

void TarReader::begin_padding(std::uint64_t size) {
  padding_ = (kBlock - size % kBlock) % kBlock;
}

base::Result<TarEvent> TarReader::next() {
  while (true) {
    switch (state_) {
      case State::kHeader:
      case State::kEndMark: {
        if (!fill_block()) return TarEvent{};
        WRENN_TRY_ASSIGN(const bool is_entry, read_header());
        if (is_entry) return TarEvent{TarEvent::Kind::kEntry, std::move(entry_), {}};
        break;
      }
      case State::kExtended: {
        const std::string_view text = take(remaining_);
        extended_text_ += text;
        remaining_ -= text.size();
        if (remaining_ > 0) return TarEvent{};
        WRENN_TRY(end_extended());
        state_ = State::kPadding;
        break;
      }
      case State::kData: {
        if (remaining_ == 0) {
          state_ = State::kPadding;
          break;
        }
        const std::string_view data = take(remaining_);
        if (data.empty()) return TarEvent{};
        remaining_ -= data.size();
        return TarEvent{TarEvent::Kind::kData, {}, data};
      }
      case State::kPadding:
        padding_ -= take(padding_).size();
        if (padding_ > 0) return TarEvent{};
        state_ = State::kHeader;
        break;
      case State::kEnd:
        input_ = {};
        return TarEvent{TarEvent::Kind::kEnd, {}, {}};
    }
  }
}

// Deals with a block; true if it begins an entry to be told.
base::Result<bool> TarReader::read_header() {
  const std::string block = std::exchange(block_, {});
  const bool is_zero = std::ranges::all_of(block, [](char c) { return c == '\0'; });
  if (is_zero) {
    if (!extended_.is_empty()) return refuse("ends within an entry", std::string(kMakeAnew));
    state_ = state_ == State::kEndMark ? State::kEnd : State::kEndMark;
    return false;
  }
  if (state_ == State::kEndMark) {
    return refuse("has something behind its end", std::string(kMakeAnew));
  }
  if (!has_good_checksum(block)) {
    return refuse(concat("has no tar header at byte ", position_ - kBlock),
                  "send a tar archive, plain or packed with gzip");
  }
  const std::string_view magic = bytes_of(block, kMagic);
  if (magic != kUstar && magic != kGnu) {
    return refuse("is of a kind that is not known", "make it with tar --format=pax");
  }
  const auto size = number_of(block, kSize);
  if (!size) return refuse("has an entry without a size", std::string(kMakeAnew));
  const char type = block[kType];
  if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
    WRENN_TRY(begin_extended(type, *size));
    return false;
  }
  block_ = block;
  auto is_entry = begin_entry(type, *size);
  block_.clear();
  extended_ = {};
  return is_entry;
}

base::Result<void> TarReader::begin_extended(char type, std::uint64_t size) {
  if (size > limits_.extended_header) {
    return too_much(
        concat("has an extended header of more than ", base::human_bytes(limits_.extended_header)));
  }
  extended_type_ = type;
  extended_text_.clear();
  remaining_ = size;
  begin_padding(size);
  state_ = State::kExtended;
  return {};
}

base::Result<void> TarReader::end_extended() {
  if (extended_type_ == 'x' || extended_type_ == 'g') return parse_pax(extended_text_);
  std::string text = extended_text_.substr(0, extended_text_.find('\0'));
  auto& target = extended_type_ == 'L' ? extended_.path : extended_.target;
  target = std::move(text);
  return {};
}

// "LENGTH KEY=VALUE\n" again and again.
base::Result<void> TarReader::parse_pax(std::string_view records) {
  while (!records.empty()) {
    const std::size_t space = records.find(' ');
    const auto length = base::parse_int<std::size_t>(records.substr(0, space));
    if (space == std::string_view::npos || !length || *length < space + 2 ||
        *length > records.size() || records[*length - 1] != '\n') {
      return refuse("has a pax header that is not well formed", std::string(kMakeAnew));
    }
    const std::string_view record = records.substr(space + 1, *length - space - 2);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) {
      return refuse("has a pax header that is not well formed", std::string(kMakeAnew));
    }
    WRENN_TRY(pax_record(record.substr(0, equals), record.substr(equals + 1)));
    records.remove_prefix(*length);
  }
  return {};
}

base::Result<void> TarReader::pax_record(std::string_view key, std::string_view value) {
  if (key.starts_with("GNU.sparse.")) {
    return refuse("has a sparse file", "make it without --sparse");
  }
  const bool known = key == "path" || key == "linkpath" || key == "size" || key == "mtime";
  // Owners, comments and extended attributes are nothing that a build takes.
  if (!known) return {};
  if (extended_type_ == 'g') {
    return refuse(concat("has a global header with a ", key), std::string(kMakeAnew));
  }
  if (key == "path") {
    extended_.path = value;
  } else if (key == "linkpath") {
    extended_.target = value;
  } else if (key == "mtime") {
    extended_.mtime = base::parse_int<std::int64_t>(value.substr(0, value.find('.'))).value_or(0);
  } else {
    extended_.size = base::parse_int<std::uint64_t>(value);
    if (!extended_.size) return refuse("has an entry without a size", std::string(kMakeAnew));
  }
  return {};
}

base::Result<bool> TarReader::begin_entry(char type, std::uint64_t size) {
  size = extended_.size.value_or(size);
  WRENN_TRY_ASSIGN(ContextEntry entry, entry_of(type));
  if (entry.type != ContextEntry::Type::kFile && size != 0) {
    return refuse_entry(entry.path, "has content, and is no file", std::string(kMakeAnew));
  }
  if (size > limits_.file_size || size > limits_.total_size - total_size_) {
    return too_much(
        concat("has more than ",
               base::human_bytes(size > limits_.file_size ? limits_.file_size : limits_.total_size),
               " of content, with \"", entry.path.substr(0, 200), "\""));
  }
  total_size_ += size;
  entry.size = size;
  entry.offset = entry.type == ContextEntry::Type::kFile ? position_ : 0;
  remaining_ = size;
  begin_padding(size);
  state_ = State::kData;
  WRENN_TRY_ASSIGN(const bool is_new, remember(entry));
  entry_ = std::move(entry);
  return is_new;
}

base::Result<ContextEntry> TarReader::entry_of(char type) const {
  const std::string_view block = block_;
  std::string name(text_of(block, kName));
  if (bytes_of(block, kMagic) == kUstar) {
    const std::string_view prefix = text_of(block, kPrefix);
    if (!prefix.empty()) name = concat(prefix, "/", name);
  }
  name = extended_.path.value_or(name);
  const std::string target = extended_.target.value_or(std::string(text_of(block, kLink)));
  ContextEntry entry;
  WRENN_TRY_ASSIGN(entry.path, path_of(name, "path"));
  using Type = ContextEntry::Type;
  if (type == '5' || (is_regular(type) && name.ends_with('/'))) {
    entry.type = Type::kDirectory;
  } else if (type == '2') {
    entry.type = Type::kSymlink;
    if (target.empty() || target.size() > limits_.path || target.contains('\0')) {
      return refuse_entry(name, "is a link to nothing, or to too long a path", "remove the link");
    }
    entry.target = target;
  } else if (type == '1') {
    entry.type = Type::kHardlink;
    WRENN_TRY_ASSIGN(entry.target, path_of(target, "link"));
  } else if (!is_regular(type)) {
    return refuse_entry(name,
                        type == '3' || type == '4' ? "is a device"
                        : type == '6'              ? "is a named pipe"
                        : type == 'S'              ? "is a sparse file"
                                                   : "is of a kind that is not known",
                        "leave it out: a context has files, directories and links");
  }
  if (entry.path.empty() && entry.type != Type::kDirectory) {
    return refuse_entry(name, "has no name", std::string(kMakeAnew));
  }
  const auto mode = number_of(block, kMode);
  if (!mode) return refuse_entry(name, "has no mode", std::string(kMakeAnew));
  entry.mode = static_cast<std::uint32_t>(*mode & 07777);
  entry.mtime = extended_.mtime.value_or(static_cast<std::int64_t>(
      std::min<std::uint64_t>(number_of(block, kMtime).value_or(0), std::uint64_t{1} << 40)));
  return entry;
}

base::Result<std::string> TarReader::path_of(std::string_view text, std::string_view what) const {
  if (text.size() > limits_.path) {
    return refuse_entry(text, concat("has a ", what, " of more than ", limits_.path, " bytes"),
                        "shorten it");
  }
  if (text.empty() || text.contains('\0') || !base::is_valid_utf8(text)) {
    return refuse_entry("?", concat("has a ", what, " that is empty or not UTF-8"),
                        "rename the file");
  }
  const auto parts = base::split(text, '/');
  if (text.starts_with('/') || std::ranges::find(parts, "..") != parts.end()) {
    return refuse_entry(text, concat("has a ", what, " that leads out of the context"),
                        "name it from the root of the context, without / at the beginning and ..");
  }
  if (std::ranges::any_of(parts, [](std::string_view part) { return part.size() > 255; })) {
    return refuse_entry(text, "has a name of more than 255 bytes", "shorten it");
  }
  return relative_path(text).value_or("");
}

base::Result<void> TarReader::insert(std::string path, Seen seen) {
  if (seen_.size() >= limits_.entries) {
    return too_much(concat("has more than ", limits_.entries, " files and directories"));
  }
  names_ += path.size();
  if (names_ > limits_.names) {
    return too_much(concat("has names of more than ", base::human_bytes(limits_.names)));
  }
  seen_.emplace(std::move(path), seen);
  return {};
}

base::Result<void> TarReader::remember_parents(std::string_view path) {
  for (path = parent_of(path); !path.empty(); path = parent_of(path)) {
    const auto found = seen_.find(path);
    if (found == seen_.end()) {
      WRENN_TRY(insert(std::string(path), {ContextEntry::Type::kDirectory, true}));
    } else if (found->second.type == ContextEntry::Type::kDirectory) {
      // What is above it was looked at when it came.
      return {};
    } else {
      return refuse_entry(path, "has something in it, and is no directory", std::string(kMakeAnew));
    }
  }
  return {};
}

base::Result<bool> TarReader::remember(const ContextEntry& entry) {
  using Type = ContextEntry::Type;
  if (entry.path.empty()) return false;
  if (entry.type == Type::kHardlink) {
    const auto target = seen_.find(entry.target);
    const bool is_file = target != seen_.end() && (target->second.type == Type::kFile ||
                                                   target->second.type == Type::kHardlink);
    if (!is_file) {
      return refuse_entry(entry.path, "is a hard link to no file that came before it",
                          std::string(kMakeAnew));
    }
  }
  WRENN_TRY(remember_parents(entry.path));
  const auto found = seen_.find(entry.path);
  if (found == seen_.end()) {
    WRENN_TRY(insert(entry.path, {entry.type, false}));
    return true;
  }
  if (entry.type == Type::kDirectory && found->second.type == Type::kDirectory) {
    return std::exchange(found->second.implied, false);
  }
  return refuse_entry(entry.path, "comes twice", std::string(kMakeAnew));
}

}  // namespace wrenn::recipe
