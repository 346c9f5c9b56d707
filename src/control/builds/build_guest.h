// BuildGuest: the sandbox in which a stage of a build is done.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/builds/build_log.h"
#include "control/builds/context_store.h"
#include "control/creation.h"
#include "control/hosts/agent_client.h"
#include "db/build_store.h"
#include "recipe/build_state.h"

namespace wrenn::control {

struct Services;

// Sandboxes of builds have this label, with the id of the build, so that whoever takes over finds
// what is left of it.
inline constexpr std::string_view kBuildLabel = "wrenn.build";

struct ExitStatus {
  int code = 0;
  std::string error;  // Why it did not end by itself.
};

// For one loop. Nothing ends a sandbox but destroy(), or the end of its time.
class BuildGuest {
 public:
  // Everything outlives it. `origin` is what it is made from, called `template_name` for people.
  // kUnavailable when there is no room for it now, kResourceExhausted when the team has as much as
  // its quota allows.
  static net::Task<base::Result<BuildGuest>> start(Services& services, const db::Build& build,
                                                   Origin origin, std::string template_name);

  const std::string& id() const { return sandbox_.id; }
  const std::string& host_id() const { return host_id_; }
  const db::Sandbox& sandbox() const { return sandbox_; }

  // Runs to its end; its output goes to the log as that of the step. kDeadlineExceeded when it
  // takes longer, and is killed.
  net::Task<base::Result<ExitStatus>> run(const recipe::Process& process, base::Duration limit,
                                          BuildLog& log, int step);
  // A shell script of ours as root, with arguments $1, $2 ...; what it prints, at most 1 MiB.
  // kFailedPrecondition with what it says when it fails.
  net::Task<base::Result<std::string>> script(std::string text, std::vector<std::string> arguments);
  // Leaves it running in the background under a tag.
  net::Task<base::Result<void>> launch(const recipe::Process& process, std::string tag);
  // Whether one of that tag runs.
  net::Task<base::Result<bool>> is_running(std::string tag);

  net::Task<base::Result<void>> write_file(std::string path, net::ByteSource& content);
  // The whole of a file goes into `to`.
  net::Task<base::Result<void>> read_file(std::string path, int to, std::uint64_t limit);
  // Of a user as instructions name one: names or numbers, with a group or without.
  net::Task<base::Result<recipe::TarOwner>> find_owner(std::string owner);

  // Saves it as it is now, under that id; its size.
  net::Task<base::Result<std::int64_t>> snapshot(std::string template_id,
                                                 std::optional<recipe::ImageConfig> defaults);
  // Not stopped by anything; what cannot be done now is done by the end of its time.
  net::Task<void> destroy();

 private:
  BuildGuest(Services& services, db::Sandbox sandbox, std::string host_id)
      : services_(&services), sandbox_(std::move(sandbox)), host_id_(std::move(host_id)) {}
  base::Result<AgentClient*> agent() const;

  Services* services_;
  db::Sandbox sandbox_;
  std::string host_id_;
};

// Ends what is left of a build whose control plane died.
net::Task<base::Result<void>> destroy_leftovers(Services& services, const db::Build& build);

}  // namespace wrenn::control
