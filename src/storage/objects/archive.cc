#include "storage/objects/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <boost/json.hpp>

#include "base/crypto.h"
#include "base/strings.h"
#include "storage/cow_disk.h"
#include "storage/manifest_fields.h"
#include "storage/objects/blob.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;
using base::Result;
namespace json = boost::json;

constexpr int kArchiveFormat = 1;
constexpr std::size_t kMaxManifest = 1 << 20;
constexpr std::size_t kMaxFiles = 256;
constexpr std::size_t kNameDigits = 64;

std::string prefix_of(const std::string& id) {
  return concat("sandboxes/", id, "/");
}
std::string manifest_key(const std::string& id) {
  return concat(prefix_of(id), "archive");
}
std::string shared_key(const std::string& blob) {
  return concat("blobs/", blob.substr(0, 2), "/", blob);
}
std::string blob_key(const std::string& id, const ArchivedFile& file) {
  return file.is_shared ? shared_key(file.blob) : concat(prefix_of(id), file.blob);
}

bool is_file_name(std::string_view name) {
  const auto is_fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         std::ranges::all_of(name, is_fine);
}
bool is_blob(std::string_view name) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.size() == kNameDigits && std::ranges::all_of(name, is_hex);
}

// A file that has no name and goes with its descriptor.
Result<base::Fd> unnamed_file(const base::Path& directory) {
  return base::open_file(directory, O_RDWR | O_TMPFILE, 0600);
}

Result<struct stat> examine(int file) {
  struct stat info{};
  if (::fstat(file, &info) != 0) return base::fail_errno(errno, "cannot examine a file");
  return info;
}

// The manifest tells which files there are, so it is sealed as they are.
Result<std::string> read_small(int file, std::size_t size) {
  std::string text(size, '\0');
  if (::pread(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return base::fail(Code::kDataLoss, "what was stored is not whole");
  }
  return text;
}

}  // namespace

Result<std::string> BlobNames::name_of(int file, const base::Secret& key,
                                       const std::stop_token& stop) {
  WRENN_TRY_ASSIGN(const struct stat info, examine(file));
  const Identity identity{info.st_dev, info.st_ino,
                          info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_size};
  const std::string key_hash = base::sha256_hex(key.reveal());
  {
    const std::lock_guard lock(mutex_);
    if (key_hash_ != key_hash) names_.clear();
    key_hash_ = key_hash;
    if (const auto found = names_.find(identity); found != names_.end()) return found->second;
  }
  WRENN_TRY_ASSIGN(const std::string name, blob_name(file, key, stop));
  const std::lock_guard lock(mutex_);
  if (key_hash_ != key_hash) return name;
  constexpr std::size_t kMost = 4096;
  if (names_.size() >= kMost) names_.clear();
  names_.emplace(identity, name);
  return name;
}

std::string to_json(const ArchiveManifest& manifest) {
  json::array files;
  for (const ArchivedFile& file : manifest.files) {
    files.push_back(json::object{{"name", file.name},
                                 {"blob", file.blob},
                                 {"size", static_cast<std::int64_t>(file.size)},
                                 {"shared", file.is_shared ? 1 : 0}});
  }
  return json::serialize(json::object{
      {"format", kArchiveFormat}, {"text", manifest.text}, {"files", std::move(files)}});
}

Result<ArchiveManifest> parse_archive_manifest(std::string_view text) {
  WRENN_TRY_ASSIGN(const json::object object, parse_json_object(text));
  Fields fields(object);
  ArchiveManifest manifest;
  const int format = fields.number<int>("format", 0, 1'000'000);
  manifest.text = fields.text("text", kMaxManifest);
  WRENN_TRY(fields.status());
  if (format != kArchiveFormat) {
    return base::fail(
        Code::kFailedPrecondition,
        concat("an archive of format ", format, ", and this version reads ", kArchiveFormat));
  }
  const json::value* files = object.if_contains("files");
  if (files == nullptr || !files->is_array() || files->get_array().size() > kMaxFiles) {
    return base::fail(Code::kDataLoss, "an archive without a list of files");
  }
  for (const json::value& value : files->get_array()) {
    if (!value.is_object()) return base::fail(Code::kDataLoss, "an archive with a broken list");
    Fields entry(value.get_object());
    ArchivedFile file;
    file.name = entry.filled_text("name");
    file.blob = entry.filled_text("blob");
    file.size = static_cast<std::uint64_t>(
        entry.number<std::int64_t>("size", 0, static_cast<std::int64_t>(kMaxBlobFileBytes)));
    file.is_shared = entry.number<int>("shared", 0, 1) == 1;
    WRENN_TRY(entry.status());
    if (!is_file_name(file.name) || !is_blob(file.blob)) {
      return base::fail(Code::kDataLoss, "an archive with a broken list");
    }
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

Result<ArchivedFile> Archives::send(const std::string& id, const base::Path& path, BlobNames& names,
                                    const FileIds& shared, ArchiveStats& stats) {
  ArchivedFile archived{.name = path.filename(), .blob = {}};
  if (!is_file_name(archived.name)) {
    return base::fail(Code::kInternal, concat(path.native(), " cannot be archived"));
  }
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_RDONLY | O_NOFOLLOW));
  WRENN_TRY_ASSIGN(const struct stat info, examine(file.get()));
  archived.size = static_cast<std::uint64_t>(info.st_size);
  WRENN_TRY_ASSIGN(archived.blob, names.name_of(file.get(), key_, stop_));
  WRENN_TRY_ASSIGN(const std::uint64_t allocated, disk_usage(path));
  stats.stored_bytes += allocated;
  // Another host may have sent it as a part of its template.
  WRENN_TRY_ASSIGN(archived.is_shared, store_.exists(shared_key(archived.blob)));
  if (archived.is_shared) return archived;
  archived.is_shared = shared.contains({info.st_dev, info.st_ino});
  WRENN_TRY_ASSIGN(const base::Fd packed, unnamed_file(scratch_));
  WRENN_TRY_ASSIGN(const std::uint64_t size, write_blob(file.get(), packed.get(), key_, stop_));
  WRENN_TRY(store_.put(blob_key(id, archived), packed.get(), size));
  stats.sent_bytes += size;
  return archived;
}

Result<ArchiveStats> Archives::write(const std::string& id, const base::Path& directory,
                                     const std::string& text, BlobNames& names,
                                     const FileIds& shared) {
  ArchiveManifest manifest{.text = text, .files = {}};
  ArchiveStats stats;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    WRENN_TRY_ASSIGN(auto archived, send(id, entry.path(), names, shared, stats));
    manifest.files.push_back(std::move(archived));
  }
  if (error) return base::fail_errno(error.value(), concat("cannot list ", directory.native()));
  // Last, so that an archive that is there is whole.
  WRENN_TRY_ASSIGN(const base::Fd plain, unnamed_file(scratch_));
  WRENN_TRY(base::write_all(plain.get(), to_json(manifest)));
  WRENN_TRY_ASSIGN(const base::Fd packed, unnamed_file(scratch_));
  WRENN_TRY_ASSIGN(const std::uint64_t size, write_blob(plain.get(), packed.get(), key_));
  WRENN_TRY(store_.put(manifest_key(id), packed.get(), size));
  return stats;
}

Result<void> Archives::fetch_file(const std::string& key, const ArchivedFile& archived,
                                  const base::Path& path) {
  WRENN_TRY_ASSIGN(const base::Fd blob, unnamed_file(scratch_));
  WRENN_TRY(store_.get(key, blob.get(), most_blob_bytes(archived.size)));
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0444));
  auto done = read_blob(blob.get(), file.get(), key_, archived.blob, archived.size);
  if (!done) return base::fail(std::move(done).error().with_context(archived.name));
  if (::fsync(file.get()) != 0) return base::fail_errno(errno, "cannot sync a file");
  return {};
}

Result<ArchiveManifest> Archives::find(const std::string& id) {
  WRENN_TRY_ASSIGN(const base::Fd packed, unnamed_file(scratch_));
  WRENN_TRY(store_.get(manifest_key(id), packed.get(), 2 * kMaxManifest));
  WRENN_TRY_ASSIGN(const base::Fd plain, unnamed_file(scratch_));
  WRENN_TRY(read_unnamed_blob(packed.get(), plain.get(), key_, kMaxManifest));
  WRENN_TRY_ASSIGN(const struct stat info, examine(plain.get()));
  WRENN_TRY_ASSIGN(const std::string text,
                   read_small(plain.get(), static_cast<std::size_t>(info.st_size)));
  return parse_archive_manifest(text);
}

Result<void> Archives::fetch(const std::string& id, const ArchiveManifest& archive,
                             const base::Path& directory, const LocalFiles& local) {
  for (const ArchivedFile& archived : archive.files) {
    const base::Path path = directory / archived.name;
    const auto found = local.find(archived.blob);
    if (found != local.end() && ::link(found->second.c_str(), path.c_str()) == 0) continue;
    WRENN_TRY(fetch_file(blob_key(id, archived), archived, path));
  }
  return base::fsync_dir(directory);
}

Result<void> Archives::remove(const std::string& id) {
  // Without it there is no archive, whatever happens to its files.
  WRENN_TRY(store_.remove(manifest_key(id)));
  WRENN_TRY_ASSIGN(const auto keys, store_.list(prefix_of(id)));
  for (const std::string& key : keys) WRENN_TRY(store_.remove(key));
  return {};
}

}  // namespace wrenn::storage
