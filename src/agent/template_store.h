// TemplateStore: templates as memory snapshots, built when they are first asked for.
//
// Building boots the template's image, lets it warm up, and saves memory, device state and disk
// under snapshots/<template>/<shape>/. The result is kept until something it was made from changes.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "agent/host.h"
#include "agent/vm_place.h"
#include "net/sync.h"

namespace wrenn::agent {

// Ready to be restored from, any number of times. Never changes.
struct TemplateSnapshot {
  Shape shape;
  std::string kernel_version;
  std::string envd_version;
  base::Path memory_file;
  base::Path state_file;
  BaseDisk disk;
};

// For one loop.
class TemplateStore {
 public:
  explicit TemplateStore(Host& host) : host_(host) {}
  TemplateStore(const TemplateStore&) = delete;
  TemplateStore& operator=(const TemplateStore&) = delete;

  // kNotFound with the known templates when there is no image of that name. Several callers for
  // one snapshot wait for one build. The snapshot lives as long as the store.
  net::Task<base::Result<const TemplateSnapshot*>> get(storage::Name name, Shape shape);

 private:
  net::Task<base::Result<std::unique_ptr<TemplateSnapshot>>> load_or_build(storage::Name name,
                                                                           Shape shape);
  net::Task<base::Result<void>> build(storage::Name name, Shape shape, std::string input_hash);
  base::Result<std::unique_ptr<TemplateSnapshot>> load(const storage::Name& name,
                                                       const Shape& shape,
                                                       const std::string& input_hash) const;
  base::Result<std::string> hash_inputs(const storage::Name& name, const Shape& shape) const;

  Host& host_;
  net::Mutex building_;  // One build at a time: it takes a whole core.
  std::map<std::string, std::unique_ptr<TemplateSnapshot>> ready_;
};

}  // namespace wrenn::agent
