// Makes the memory snapshot of a template.
#pragma once

#include "agent/host.h"
#include "agent/vm_place.h"

namespace wrenn::agent {

struct TemplateBuild {
  storage::Name name;
  Shape shape;
  std::string input_hash;
};

// Boots, warms up, saves; replaces an older snapshot of the same name and shape. Some seconds to
// half a minute. Leaves nothing behind on failure, whose error holds what the guest said last.
net::Task<base::Result<void>> build_template(Host& host, TemplateBuild build);

}  // namespace wrenn::agent
