// Passwords, kept as Argon2id (RFC 9106) with 64 MiB and two passes, as libsodium writes it: salt
// and parameters are in the hash. Thread-safe; each call takes its 64 MiB and some 0.1 s, so run
// few of them at once.
#pragma once

#include "base/result.h"
#include "base/secret.h"

namespace wrenn::base {

// kResourceExhausted when there is not enough memory.
Result<Secret> hash_password(const Secret& password);
// An empty hash is nobody's: false, after the same time.
bool verify_password(const Secret& hash, const Secret& password);

}  // namespace wrenn::base
