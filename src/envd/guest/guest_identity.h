// Who a guest is: its sandbox and template, for its programs to read.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::envd {

struct GuestIdentity {
  std::string sandbox_id;   // Empty: unknown.
  std::string template_id;  // Likewise.
};

// Letters, digits, '-', '_' and '.', at most 128; empty is fine. Pure.
bool is_identity_text(std::string_view text);

// WRENN_SANDBOX_ID and the rest, each under its two names. Pure.
std::map<std::string, std::string> identity_env(const GuestIdentity& identity);

// 32 hexadecimal digits that are always the same for one sandbox and differ between any two. Pure.
std::string machine_id_of(std::string_view sandbox_id);

// Below `root`: the files in /run, and /etc/machine-id where that is empty or in memory (a mount of
// its own): the one of a machine that is no sandbox stays. Blocking.
base::Result<void> write_identity(const GuestIdentity& identity, const base::Path& root);

}  // namespace wrenn::envd
