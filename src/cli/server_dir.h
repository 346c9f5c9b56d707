// ServerDir: what `wrenn up` and `wrenn down` keep in $WRENN_DIR.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/process.h"
#include "base/result.h"
#include "base/secret.h"
#include "cli/config.h"

namespace wrenn::cli {

// The control plane's own user and group: nobody else has them, so nothing else is at stake.
inline constexpr unsigned kControlUser = 1879099000;

enum class Part { kAgent, kControl };

// Where the server was told to listen, and the key made for this machine's root.
struct SavedServer {
  std::string listen;
  std::string proxy_listen;
  Settings settings;
};

class ServerDir {
 public:
  // `flag`, else $WRENN_DIR, else /var/lib/wrenn; absolute. Makes nothing.
  static base::Result<ServerDir> locate(const std::string& flag, const Environment& environment);

  const base::Path& root() const { return root_; }
  base::Path run() const { return root_ / "run"; }
  base::Path control() const { return root_ / "control"; }
  base::Path database() const { return control() / "wrenn.db"; }
  base::Path agent_socket() const { return run() / "agent.sock"; }
  base::Path agent_proxy_socket() const { return run() / "proxy.sock"; }
  base::Path log(Part part) const;
  base::Path pid_file(Part part) const;

  bool exists() const;
  base::Result<void> make() const;

  // Who runs; nothing when nobody does, whatever the file says.
  std::optional<base::ProcessIdentity> running(Part part) const;
  base::Result<void> write_pid(Part part, const base::ProcessIdentity& process) const;
  void remove_pid(Part part) const;

  // Empty when there is none.
  SavedServer saved() const;
  base::Result<void> save(const SavedServer& saved) const;

 private:
  explicit ServerDir(base::Path root) : root_(std::move(root)) {}
  base::Path root_;
};

// Held while processes are started or stopped, so that no two commands do it at once.
class ServerLock {
 public:
  // kAborted when another command holds it.
  static base::Result<ServerLock> take(const ServerDir& dir);
  void release() { fd_.reset(); }

 private:
  explicit ServerLock(base::Fd fd) : fd_(std::move(fd)) {}
  base::Fd fd_;
};

// The content of a pid file: pid, start time, and the boot both belong to.
std::string format_pid_file(const base::ProcessIdentity& process, std::string_view boot_id);
// Nothing for another boot, and for anything malformed.
std::optional<base::ProcessIdentity> parse_pid_file(std::string_view text,
                                                    std::string_view boot_id);

}  // namespace wrenn::cli
