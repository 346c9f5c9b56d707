// SandboxManager: creates, keeps and destroys the sandboxes of this host.
//
// Before anything of a sandbox is made, its manifest is on disk; after a crash of the agent the
// manifest tells what to adopt and what to clear away. For one loop.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/data_plane.h"
#include "agent/host.h"
#include "agent/sandbox.h"
#include "agent/template_store.h"
#include "net/sync.h"

namespace wrenn::agent {

struct CreateRequest {
  std::string id;  // "cl-" and 25 characters; empty: made here.
  std::string template_name;
  Shape shape;
  int timeout_sec = 0;
};

struct CreatedSandbox {
  std::string id;
  std::string host_ip;
  std::map<std::string, std::string> metadata;
  std::map<std::string, double> timings_ms;
};

struct SandboxView {
  storage::SandboxManifest manifest;
  std::string host_ip;
  std::int64_t last_active_unix_ms = 0;
  vm::VmStats stats;
  std::uint64_t disk_bytes = 0;
  bool is_ruin = false;  // destroy() could not clear it away: it has to be called again.
};

class SandboxManager {
 public:
  // All three must outlive it.
  SandboxManager(net::Loop& loop, Host& host, DataPlane& data_plane);
  SandboxManager(const SandboxManager&) = delete;
  SandboxManager& operator=(const SandboxManager&) = delete;

  // Takes over a VM that outlived the last agent.
  net::Task<base::Result<void>> adopt(storage::SandboxManifest manifest);
  // Builds or loads the snapshot that most sandboxes start from.
  net::Task<base::Result<void>> prepare_default_template();

  // kAlreadyExists for a known id, kInvalidArgument for impossible sizes, kResourceExhausted when
  // the host is full. Not cut short by its caller going away: the sandbox is there afterwards, or
  // nothing of it is.
  net::Task<base::Result<CreatedSandbox>> create(CreateRequest request);
  // Unknown ids are fine. Nothing of the sandbox is left when this succeeds; after a failure it can
  // be tried again. Not cut short by its caller going away.
  net::Task<base::Result<void>> destroy(std::string id);
  // kNotFound for an unknown id or one that is just ending.
  base::Result<SandboxUse> use(const std::string& id);
  net::Task<base::Result<std::vector<SandboxView>>> list();

  // The VMs go on; only the agent's own tasks end.
  net::Task<void> shut_down();

 private:
  net::Task<base::Result<CreatedSandbox>> create_now(CreateRequest request);
  net::Task<base::Result<std::unique_ptr<Sandbox>>> start(const CreateRequest& request,
                                                          const TemplateSnapshot& snapshot,
                                                          std::map<std::string, double>& timings);
  net::Task<base::Result<void>> destroy_now(std::string id);
  base::Result<void> clear(Sandbox& sandbox);
  base::Result<void> check(const CreateRequest& request) const;
  void keep(std::unique_ptr<Sandbox> sandbox);
  net::Task<void> watch(std::string id);
  net::Task<void> watch_idle(std::string id, int timeout_sec);

  net::Loop& loop_;
  Host& host_;
  DataPlane& data_plane_;
  TemplateStore templates_;
  net::Semaphore starting_;
  std::map<std::string, std::unique_ptr<Sandbox>> sandboxes_;
  std::map<std::string, bool> creating_;
  net::TaskScope tasks_;
};

}  // namespace wrenn::agent
