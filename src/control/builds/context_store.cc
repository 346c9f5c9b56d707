#include "control/builds/context_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "base/log.h"
#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::size_t kBlock = std::size_t{256} << 10;
constexpr std::string_view kTemporary = "upload-";

std::string file_name(std::string_view digest) {
  return concat(digest, ".tar");
}

Result<std::size_t> read_at(int fd, std::span<char> buffer, std::uint64_t offset) {
  while (true) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return base::fail_errno(errno, "cannot read an archive");
  }
}

// The index of an archive whose bytes come one block after the other.
class Indexer {
 public:
  // Returns whether it wants more.
  Result<bool> take(std::string_view bytes) {
    reader_.feed(bytes);
    while (true) {
      WRENN_TRY_ASSIGN(auto event, reader_.next());
      switch (event.kind) {
        case recipe::TarEvent::Kind::kNeedInput:
          return true;
        case recipe::TarEvent::Kind::kEntry:
          end_file();
          begin(std::move(event.entry));
          break;
        case recipe::TarEvent::Kind::kData:
          hash_->update(event.data);
          break;
        case recipe::TarEvent::Kind::kEnd:
          end_file();
          return false;
      }
    }
  }
  ContextIndex take_index() { return std::move(index_); }

 private:
  void begin(recipe::ContextEntry entry) {
    if (entry.type == recipe::ContextEntry::Type::kFile) hash_.emplace();
    index_.entries.push_back(std::move(entry));
    index_.digests.emplace_back();
  }
  void end_file() {
    if (!hash_) return;
    index_.digests.back() = hash_->finish_hex();
    hash_.reset();
  }

  recipe::TarReader reader_;
  std::optional<base::Sha256> hash_;
  ContextIndex index_;
};

}  // namespace

namespace {

Result<std::uint64_t> bytes_in(const base::Path& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& one : std::filesystem::directory_iterator(directory, error)) {
    struct stat info{};
    // One that is gone meanwhile takes no room.
    if (::lstat(one.path().c_str(), &info) == 0) bytes += static_cast<std::uint64_t>(info.st_size);
  }
  if (error) return base::fail_errno(error.value(), "cannot list the files of builds");
  return bytes;
}

}  // namespace

Result<void> copy_content(int from, const recipe::ContextEntry& entry, int to) {
  std::string block(kBlock, '\0');
  std::uint64_t done = 0;
  while (done < entry.size) {
    const std::size_t wanted = std::min<std::uint64_t>(kBlock, entry.size - done);
    WRENN_TRY_ASSIGN(const std::size_t n,
                     read_at(from, std::span(block).first(wanted), entry.offset + done));
    if (n == 0) return base::fail(Code::kDataLoss, "an archive became shorter");
    WRENN_TRY(base::write_all(to, std::string_view(block).substr(0, n)));
    done += n;
  }
  return {};
}

Result<ContextIndex> read_context(int fd) {
  Indexer indexer;
  std::string block(kBlock, '\0');
  std::uint64_t offset = 0;
  while (true) {
    WRENN_TRY_ASSIGN(const std::size_t n, read_at(fd, block, offset));
    if (n == 0) {
      return base::fail(Code::kInvalidArgument, "the archive of the build's files is cut short");
    }
    offset += n;
    WRENN_TRY_ASSIGN(const bool wants_more, indexer.take(std::string_view(block).substr(0, n)));
    if (!wants_more) return indexer.take_index();
  }
}

Result<void> write_copy(int from, const ContextIndex& index,
                        const std::vector<recipe::PlacedEntry>& placed, const CopyLook& look,
                        int to) {
  using Type = recipe::ContextEntry::Type;
  for (const recipe::PlacedEntry& one : placed) {
    recipe::ContextEntry entry = index.entries.at(one.entry);
    const recipe::ContextEntry original = entry;
    entry.path = one.path;
    if (look.mode && entry.type != Type::kSymlink) entry.mode = *look.mode;
    std::string bytes;
    recipe::append_tar_header(bytes, entry, look.owner);
    WRENN_TRY(base::write_all(to, bytes));
    if (entry.type != Type::kFile) continue;
    WRENN_TRY(copy_content(from, original, to));
    bytes.clear();
    recipe::append_tar_padding(bytes, entry.size);
    WRENN_TRY(base::write_all(to, bytes));
  }
  std::string end;
  recipe::append_tar_end(end);
  return base::write_all(to, end);
}

base::Path ContextStore::path_of(std::string_view team_id, std::string_view digest) const {
  return root_ / team_id / file_name(digest);
}

Result<std::optional<std::uint64_t>> ContextStore::find(std::string_view team_id,
                                                        std::string_view digest) const {
  const base::Path path = path_of(team_id, digest);
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return base::fail_errno(errno, "cannot look for the files of a build");
  }
  if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0 && errno != ENOENT) {
    return base::fail_errno(errno, "cannot keep the files of a build");
  }
  return static_cast<std::uint64_t>(info.st_size);
}

Result<base::Fd> ContextStore::open(std::string_view team_id, std::string_view digest) const {
  auto file = base::open_file(path_of(team_id, digest), O_RDONLY);
  if (file || file.error().code != Code::kNotFound) return file;
  return base::fail(Code::kNotFound, concat("the files of the build, ", digest, ", are not here"),
                    "send them again: PUT /v1/builds/contexts/{digest}");
}

Result<ContextStore::Upload> ContextStore::begin(std::string_view team_id,
                                                 std::string_view digest) const {
  Upload upload;
  upload.directory_ = root_ / team_id;
  upload.digest_ = digest;
  WRENN_TRY(base::make_dirs(root_, 0700));
  WRENN_TRY(base::make_dirs(root_ / team_id, 0700));
  WRENN_TRY_ASSIGN(const std::uint64_t used, bytes_in(root_ / team_id));
  if (used >= kMaxTeamContextBytes) {
    return base::fail(Code::kResourceExhausted,
                      concat("the team has ", base::human_bytes(used), " of files of builds here"),
                      "what no build has used for a day is removed; try again then, or with less");
  }
  const base::Path temporary =
      root_ / team_id / concat(kTemporary, base::to_hex(base::random_bytes(8)));
  WRENN_TRY_ASSIGN(upload.file_,
                   base::open_file(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  upload.temporary_ = temporary;
  return upload;
}

ContextStore::Upload::~Upload() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> ContextStore::Upload::write(std::string_view bytes) {
  size_ += bytes.size();
  if (size_ > kMaxContextBytes) {
    return base::fail(
        Code::kResourceExhausted,
        concat("the files of a build must not be more than ", base::human_bytes(kMaxContextBytes)),
        "leave out what it does not need, in .dockerignore");
  }
  hash_.update(bytes);
  return base::write_all(file_.get(), bytes);
}

Result<std::uint64_t> ContextStore::Upload::finish() {
  std::string digest = hash_.finish_hex();
  if (digest_.empty()) digest_ = digest;
  if (digest != digest_) {
    return base::fail(Code::kInvalidArgument,
                      concat("the archive's SHA-256 is ", digest, ", not ", digest_),
                      "it was changed on its way, or the digest is of something else");
  }
  const base::Path target = directory_ / file_name(digest_);
  WRENN_TRY(read_context(file_.get()));
  if (::fsync(file_.get()) != 0 || ::rename(temporary_.c_str(), target.c_str()) != 0) {
    return base::fail_errno(errno, "cannot keep the files of a build");
  }
  temporary_.clear();
  return size_;
}

Result<std::size_t> ContextStore::forget(std::int64_t before_unix_ms) const {
  std::error_code error;
  std::size_t removed = 0;
  for (const auto& team : std::filesystem::directory_iterator(root_, error)) {
    std::error_code inner;
    for (const auto& one : std::filesystem::directory_iterator(team.path(), inner)) {
      struct stat info{};
      if (::lstat(one.path().c_str(), &info) != 0) continue;
      const std::int64_t used = std::int64_t{info.st_mtim.tv_sec} * 1000;
      if (used < before_unix_ms && ::unlink(one.path().c_str()) == 0) ++removed;
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return base::fail_errno(error.value(), "cannot list the files of builds");
  }
  return removed;
}

Result<base::Fd> ContextStore::scratch_file() const {
  WRENN_TRY(base::make_dirs(root_, 0700));
  return base::open_file(root_, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
}

}  // namespace wrenn::control
