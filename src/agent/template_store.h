// TemplateStore: what sandboxes are made from, as checkpoints.
//
// A template that is an image is booted when it is first asked for, warms up, and is saved under
// snapshots/<template>/<shape>/; the result is kept until something it was made from changes. A
// template that was made of a sandbox lies under snapshots/<template>/snapshot/.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/checkpoint.h"
#include "agent/host.h"
#include "net/sync.h"
#include "storage/manifest.h"
#include "storage/staged_dir.h"

namespace wrenn::agent {

struct TemplateView {
  std::string name;
  bool is_snapshot = false;
  Shape shape;  // This and the next two: of a snapshot.
  std::uint64_t size_bytes = 0;
  std::int64_t created_unix_ms = 0;
  std::string version;  // Of an image: another one whenever what is in it has changed.
};

// For one loop.
class TemplateStore {
 public:
  explicit TemplateStore(Host& host) : host_(host) {}
  TemplateStore(const TemplateStore&) = delete;
  TemplateStore& operator=(const TemplateStore&) = delete;

  // kNotFound with the known templates when there is none of that name. Several callers for one
  // snapshot wait for one build. A template made of a sandbox has a shape of its own.
  net::Task<base::Result<CheckpointPtr>> get(storage::Name name, Shape shape);

  net::Task<base::Result<std::vector<TemplateView>>> list();
  // Where to save a new template to. kAlreadyExists for a name that an image or a snapshot has.
  net::Task<base::Result<storage::StagedDir>> begin_snapshot(storage::Name name);
  // Publishes it, synced.
  net::Task<base::Result<TemplateView>> keep_snapshot(storage::Name name,
                                                      storage::StagedDir staged);
  // Unknown ones are fine; kFailedPrecondition for an image, which is not ours to delete.
  net::Task<base::Result<void>> remove(storage::Name name);

 private:
  net::Task<base::Result<CheckpointPtr>> load_or_build(storage::Name name, Shape shape);
  base::Result<CheckpointPtr> load(const storage::Name& name, const Shape& shape,
                                   const std::string& input_hash) const;
  base::Result<std::string> hash_inputs(const storage::Name& name, const Shape& shape) const;
  base::Result<std::string> image_version(const storage::Name& name) const;
  base::Path snapshot_directory(const storage::Name& name) const;
  bool is_image(const storage::Name& name) const;
  base::Result<std::vector<TemplateView>> list_now() const;
  base::Result<TemplateView> view_snapshot(const storage::Name& name) const;

  Host& host_;
  net::Mutex building_;  // One build at a time: it takes a whole core.
  std::map<std::string, CheckpointPtr> ready_;
};

}  // namespace wrenn::agent
