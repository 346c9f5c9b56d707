// Services: what the handlers of the API and the background jobs work with. main() and tests wire
// it; everything here outlives every request.
#pragma once

#include <functional>
#include <string>

#include "control/accounts/access_tokens.h"
#include "control/accounts/accounts.h"
#include "control/accounts/provider_logins.h"
#include "control/api/event_feed.h"
#include "control/audit_log.h"
#include "control/builds/context_store.h"
#include "control/busy_sandboxes.h"
#include "control/channels/channel_dispatcher.h"
#include "control/hosts/host_directory.h"
#include "control/lifecycle.h"
#include "control/open_sockets.h"
#include "control/operations.h"
#include "control/pki/host_pki.h"
#include "control/proxy_settings.h"
#include "control/scheduler/fleet.h"
#include "db/api_key_store.h"
#include "db/build_store.h"
#include "db/channel_store.h"
#include "db/host_registry.h"
#include "db/host_store.h"
#include "db/idempotency_store.h"
#include "db/layer_store.h"
#include "db/port_store.h"
#include "db/quota_store.h"
#include "db/sandbox_store.h"
#include "db/template_store.h"
#include "db/usage_store.h"
#include "net/blocking.h"
#include "proxy/access.h"

namespace wrenn::control {

struct Services {
  // The database, from the pool only.
  db::ApiKeyStore& keys;
  db::SandboxStore& sandboxes;
  db::HostStore& hosts;
  db::PortStore& ports;
  db::TemplateStore& templates;
  db::IdempotencyStore& idempotency;
  db::UsageStore& usage;
  db::QuotaStore& quotas;
  net::BlockingPool& database_pool;

  // People. Each of the two has a pool of its own: `accounts` hashes passwords, `provider_logins`
  // waits for providers of identity.
  AccessTokens& access_tokens;
  Accounts& accounts;
  ProviderLogins& provider_logins;
  net::BlockingPool& account_pool;
  net::BlockingPool& provider_pool;

  HostDirectory& directory;
  BusySandboxes& busy;

  // How ports of sandboxes are reached from outside, and by whom.
  const ProxySettings& proxy_settings;
  const proxy::AccessKey& access_key;
  OpenSockets& open_sockets;
  Operations& operations;
  db::Database& database;  // From its pool, too.

  // Hosts that register. The registry from the database's pool only.
  db::HostRegistry& registry;
  const HostPki& pki;
  AuditLog& audit;
  db::ChannelStore& channels;  // From the database's pool only.
  ChannelDispatcher& dispatcher;
  Fleet& fleet;

  // Templates that are built. The first two from the database's pool only, the files from theirs.
  db::BuildStore& builds;
  db::LayerStore& layers;
  const ContextStore& contexts;
  net::BlockingPool& build_pool;

  EventFeed& events;
  // Called when what the data plane knows of a sandbox is out of date.
  std::function<void(const std::string&)> forget_place = [](const std::string&) {};

  LifecycleServices lifecycle() const {
    return {sandboxes, hosts, database_pool, directory, busy, operations, fleet};
  }
};

}  // namespace wrenn::control
