// Archives: a directory of files in object storage, such as the checkpoint of a hibernated sandbox.
// Blocking.
//
//   sandboxes/<id>/archive    its manifest, sealed as all blobs are
//   sandboxes/<id>/<blob>     its own files; they go with it
//   blobs/<xx>/<blob>         what it shares with others, such as its template's memory: sent once
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "storage/objects/object_store.h"

namespace wrenn::storage {

// What files were called last, so that a template's need not be read again. Thread-safe.
class BlobNames {
 public:
  base::Result<std::string> name_of(int file, const base::Secret& key,
                                    const std::stop_token& stop = {});

 private:
  using Identity = std::tuple<dev_t, ino_t, std::int64_t, std::int64_t>;  // And time, and size.
  std::mutex mutex_;
  std::map<Identity, std::string> names_;
  std::string key_hash_;  // Of the key they were made with.
};
// Files that are on this host, by their names.
using LocalFiles = std::map<std::string, base::Path>;
// Files whatever they are called.
using FileIds = std::set<std::pair<dev_t, ino_t>>;

struct ArchiveStats {
  std::uint64_t stored_bytes = 0;  // What its files take on this host.
  std::uint64_t sent_bytes = 0;    // What was sent now, packed: the store had the rest.
};

// What an archive has.
struct ArchivedFile {
  std::string name;  // In the directory: of letters, digits and "-_.".
  std::string blob;
  std::uint64_t size = 0;
  bool is_shared = false;
};
struct ArchiveManifest {
  std::string text;
  std::vector<ArchivedFile> files;
};
std::string to_json(const ArchiveManifest& manifest);
// Pure; not trusted.
base::Result<ArchiveManifest> parse_archive_manifest(std::string_view json);

class Archives {
 public:
  // `scratch`: an existing directory for what is on its way.
  Archives(ObjectStore& store, const base::Secret& key, base::Path scratch,
           std::stop_token stop = {})
      : store_(store), key_(key), scratch_(std::move(scratch)), stop_(std::move(stop)) {}

  // All files of the directory, which has no others; `text` is kept beside them. There whole or not
  // at all. Files in `shared` outlive the archive. An archive of the same id must have been
  // removed.
  base::Result<ArchiveStats> write(const std::string& id, const base::Path& directory,
                                   const std::string& text, BlobNames& names,
                                   const FileIds& shared = {});
  // kNotFound when there is none.
  base::Result<ArchiveManifest> find(const std::string& id);
  // Fills an empty directory with its files. Those in `local` are linked if they can be; the others
  // are fetched, checked and synced.
  base::Result<void> fetch(const std::string& id, const ArchiveManifest& archive,
                           const base::Path& directory, const LocalFiles& local = {});
  // With its own files, and with what a crash left of one. One that is not there is fine.
  base::Result<void> remove(const std::string& id);

 private:
  base::Result<ArchivedFile> send(const std::string& id, const base::Path& path, BlobNames& names,
                                  const FileIds& shared, ArchiveStats& stats);
  base::Result<void> fetch_file(const std::string& key, const ArchivedFile& archived,
                                const base::Path& path);

  ObjectStore& store_;
  const base::Secret& key_;
  const base::Path scratch_;
  const std::stop_token stop_;
};

}  // namespace wrenn::storage
