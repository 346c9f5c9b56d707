#include "envd/guest/guest_identity.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::envd {
namespace {

using base::Path;
using base::Result;

// Programs made for E2B's sandboxes look for the second.
struct Names {
  std::string_view directory;
  std::string_view prefix;
};
constexpr std::array<Names, 2> kNames = {{{"run/wrenn", "WRENN_"}, {"run/e2b", "E2B_"}}};

// In memory: what is half written at a power loss is gone as well.
Result<void> write_text(const Path& path, std::string_view text) {
  WRENN_TRY_ASSIGN(const base::Fd fd, base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
  return base::write_all(fd.get(), text);
}

bool may_replace_machine_id(const Path& path) {
  struct stat file{};
  struct stat directory{};
  if (::stat(path.c_str(), &file) != 0) return false;
  if (::stat(path.parent_path().c_str(), &directory) != 0) return false;
  return file.st_size == 0 || file.st_dev != directory.st_dev;
}

}  // namespace

bool is_identity_text(std::string_view text) {
  constexpr std::size_t kMax = 128;
  return text.size() <= kMax && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

std::map<std::string, std::string> identity_env(const GuestIdentity& identity) {
  std::map<std::string, std::string> env;
  for (const Names& names : kNames) {
    if (identity.sandbox_id.empty() && identity.template_id.empty()) break;
    env[base::concat(names.prefix, "SANDBOX")] = "true";
    if (!identity.sandbox_id.empty()) {
      env[base::concat(names.prefix, "SANDBOX_ID")] = identity.sandbox_id;
    }
    if (!identity.template_id.empty()) {
      env[base::concat(names.prefix, "TEMPLATE_ID")] = identity.template_id;
    }
  }
  return env;
}

std::string machine_id_of(std::string_view sandbox_id) {
  std::string bytes = base::sha256(base::concat("machine-id:", sandbox_id)).substr(0, 16);
  // The marks of a random UUID (RFC 9562 section 5.4), which some programs make of it.
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  return base::to_hex(bytes);
}

Result<void> write_identity(const GuestIdentity& identity, const Path& root) {
  const auto env = identity_env(identity);
  for (const Names& names : kNames) {
    if (env.empty()) break;
    WRENN_TRY(base::make_dirs(root / names.directory));
    for (const auto& [name, value] : env) {
      if (!name.starts_with(names.prefix)) continue;
      WRENN_TRY(write_text(root / names.directory / base::concat(".", name), value));
    }
  }
  const Path machine_id = root / "etc/machine-id";
  if (identity.sandbox_id.empty() || !may_replace_machine_id(machine_id)) return {};
  return write_text(machine_id, base::concat(machine_id_of(identity.sandbox_id), '\n'));
}

}  // namespace wrenn::envd
