// What a registered host keeps, so that its agent can be called over the network and needs no token
// again. Blocking.
#pragma once

#include <optional>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "base/secret.h"

namespace wrenn::agent {

struct HostCredentials {
  std::string host_id;
  std::string control_plane;  // The URL of its API.
  base::Secret key;           // This and the rest: PEM. Made here, and never sent anywhere.
  std::string certificate;
  std::string authority;  // Who signs the certificates of the control plane.
};

// Nothing when the host has not registered. kFailedPrecondition for a file that is damaged, or that
// others may read. The file is host-credentials.json, or host-token as it was called once.
base::Result<std::optional<HostCredentials>> load_credentials(const base::Path& wrenn_dir);
// Replaces what is there, at once or not at all. The file is root's alone (0600).
base::Result<void> save_credentials(const base::Path& wrenn_dir,
                                    const HostCredentials& credentials);

}  // namespace wrenn::agent
