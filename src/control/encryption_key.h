// The key that seals what the database must not tell. Blocking.
#pragma once

#include <optional>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "base/sealer.h"

namespace wrenn::control {

enum class KeyGuard {
  kMode,            // The file must be nobody's but ours (0600).
  kServiceManager,  // It is a credential that systemd shows to this service alone, by means of its
                    // own.
};
struct EncryptionKeyPlace {
  std::optional<std::string> digits;  // The value of WRENN_ENCRYPTION_KEY, which counts more.
  base::Path file;
  KeyGuard guard = KeyGuard::kMode;
};
enum class MissingKey {
  kIsMade,     // Nothing is sealed yet. Of several that make one at once, all take the first one's.
  kIsRefused,  // A new one would not open what is there.
};

// kInvalidArgument for digits that are none, kFailedPrecondition for a file that is missing, broken
// or others may read.
base::Result<base::Sealer> load_sealer(const EncryptionKeyPlace& place, MissingKey missing);
// The place for a state directory, with the environment's digits. A credential `encryption.key`
// (LoadCredential= of systemd) counts more than the file of the directory.
EncryptionKeyPlace encryption_key_place(const base::Path& wrenn_dir);

}  // namespace wrenn::control
