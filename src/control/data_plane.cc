#include "control/data_plane.h"

#include "base/crypto.h"
#include "base/log.h"
#include "control/lifecycle.h"
#include "net/http_server.h"

namespace wrenn::control {
namespace {

using base::Result;
using net::Task;

using PlacePtr = std::shared_ptr<const proxy::SandboxPlace>;

// A change at another replica shows after so long at most.
constexpr auto kFreshFor = std::chrono::seconds(2);
constexpr std::size_t kMaxKept = 10'000;
constexpr std::size_t kDatabaseThreads = 2;
// Half of the descriptors that a process usually may have: each takes one here and one to a host.
constexpr std::size_t kMaxConnections = 9000;

net::PoolOptions host_pool_options(std::shared_ptr<const net::StreamSecurity> security) {
  // The agent ends a kept connection after 620 s.
  return {.connect_timeout = std::chrono::seconds(5),
          .idle_timeout = std::chrono::seconds(600),
          .max_idle = 512,
          .keep_alive = true,
          .security = std::move(security)};
}

proxy::EdgeSettings edge_settings(const DataPlaneOptions& options) {
  return {.scheme = options.scheme, .domain = options.domain};
}

}  // namespace

net::ConnectionPool* HostLinks::find(const std::string& host_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = links_.find(host_id);
  return found == links_.end() ? nullptr : found->second.get();
}

void HostLinks::put(const HostAddress& host) {
  auto link = std::make_unique<net::ConnectionPool>(host.proxy, host_pool_options(host.security));
  {
    const std::lock_guard lock(mutex_);
    std::swap(links_[host.id], link);
  }
  set_aside(std::move(link));
}

void HostLinks::retire(const std::string& host_id) {
  std::unique_ptr<net::ConnectionPool> link;
  {
    const std::lock_guard lock(mutex_);
    const auto found = links_.find(host_id);
    if (found == links_.end()) return;
    link = std::move(found->second);
    links_.erase(found);
  }
  set_aside(std::move(link));
}

void HostLinks::set_aside(std::unique_ptr<net::ConnectionPool> link) {
  if (link == nullptr) return;
  link->close_idle();
  retired_.push_back(std::move(link));
}

void HostLinks::close_idle() {
  for (const auto& [id, link] : links_) link->close_idle();
  for (const auto& link : retired_) link->close_idle();
}

PlaceCache::PlaceCache(db::Database& database, const HostLinks& links, HostDirectory& directory,
                       BusySandboxes& busy, Operations& operations, Fleet& fleet,
                       std::string holder)
    : sandboxes_(database, base::unix_ms_now, std::move(holder), fleet.overcommit()),
      ports_(database),
      keys_(database),
      hosts_(database),
      links_(links),
      directory_(directory),
      busy_(busy),
      operations_(operations),
      fleet_(fleet),
      database_pool_(kDatabaseThreads) {}

template <class T>
void PlaceCache::keep(std::map<std::string, Entry<T>>& entries, const std::string& key, T value) {
  // Old ones go when there are too many; a cache that is read again costs a query.
  if (entries.size() >= kMaxKept) entries.clear();
  entries.insert_or_assign(key, Entry<T>{std::move(value), base::steady_now()});
}

Task<Result<PlacePtr>> PlaceCache::find(std::string id) {
  const auto kept = places_.find(id);
  if (kept != places_.end() && base::steady_now() - kept->second.read_at < kFreshFor) {
    co_return kept->second.value;
  }
  WRENN_CO_TRY_ASSIGN(auto place, co_await database_pool_.run([&] { return read_place(id); }));
  // One that is unknown now may exist in a moment.
  if (place != nullptr) keep(places_, id, place);
  co_return place;
}

Result<PlacePtr> PlaceCache::read_place(const std::string& id) {
  const auto sandbox = sandboxes_.get_any_team(id);
  if (!sandbox && sandbox.error().code == base::Code::kNotFound) return PlacePtr();
  if (!sandbox) return base::fail(sandbox.error());
  net::ConnectionPool* const link = links_.find(sandbox->host_id.value_or(""));
  WRENN_TRY_ASSIGN(auto ports, ports_.list(id));
  // A host that nobody named cannot be reached; a hibernated sandbox needs none.
  const bool is_running = sandbox->status == db::SandboxState::kRunning && link != nullptr;
  return std::make_shared<const proxy::SandboxPlace>(proxy::SandboxPlace{
      .team_id = sandbox->team_id,
      .is_running = is_running,
      .can_wake = sandbox->auto_resume && (is_running || is_asleep(sandbox->status)),
      .public_ports = std::move(ports),
      .host = link});
}

Task<Result<PlacePtr>> PlaceCache::wake(std::string id, proxy::WakeReason reason) {
  WRENN_CO_TRY_ASSIGN(auto sandbox,
                      co_await database_pool_.run([&] { return sandboxes_.get_any_team(id); }));
  const LifecycleServices services{sandboxes_, hosts_,      database_pool_, directory_,
                                   busy_,      operations_, fleet_};
  const auto asleep =
      reason == proxy::WakeReason::kHostRefused ? Asleep::kByItsHost : Asleep::kBySomeRow;
  const auto woken = co_await wake_sandbox(services, std::move(sandbox), asleep);
  places_.erase(id);
  if (!woken) {
    const bool is_gone =
        woken.error().code == ApiCode::kNotFound || woken.error().code == ApiCode::kInvalidState;
    if (is_gone) co_return PlacePtr();
    co_return base::fail(base::Code::kUnavailable, woken.error().message);
  }
  // Not of those who only waited for it.
  if (!woken->timings_ms.empty()) on_wake_(woken->sandbox);
  co_return co_await find(id);
}

Task<Result<std::string>> PlaceCache::team_of_key(std::string key) {
  const std::string hash = base::sha256_hex(key);
  const auto kept = teams_.find(hash);
  if (kept != teams_.end() && base::steady_now() - kept->second.read_at < kFreshFor) {
    co_return kept->second.value;
  }
  const auto owner = co_await database_pool_.run([&] { return keys_.verify(key); });
  if (!owner && owner.error().code != base::Code::kUnauthenticated) {
    co_return base::fail(owner.error());
  }
  const std::string team = owner ? owner->team_id : std::string();
  keep(teams_, hash, team);
  co_return team;
}

DataPlane::DataPlane(const DataPlaneOptions& options, db::Database& database,
                     const proxy::AccessKey& access, BusySandboxes& busy, Operations& operations,
                     Fleet& fleet)
    : directory_(options.hosts),
      places_(database, links_, directory_, busy, operations, fleet, options.holder),
      proxy_(places_, access, edge_settings(options)) {
  places_.set_on_wake(options.on_wake);
  for (const HostAddress& host : options.hosts) links_.put(host);
}

Result<std::unique_ptr<DataPlane>> DataPlane::start(const DataPlaneOptions& options,
                                                    db::Database& database,
                                                    const proxy::AccessKey& access,
                                                    BusySandboxes& busy, Operations& operations,
                                                    Fleet& fleet) {
  std::unique_ptr<DataPlane> plane(
      new DataPlane(options, database, access, busy, operations, fleet));
  WRENN_TRY_ASSIGN(auto listener, net::Listener::listen(plane->thread_.loop(), options.listen));
  plane->port_ = listener.port();
  plane->thread_.start("data-plane", [self = plane.get(), l = std::move(listener)]() mutable {
    return self->serve(std::move(l));
  });
  return plane;
}

Task<void> DataPlane::serve(net::Listener listener) {
  net::HttpServer server(proxy_, {.body_timeout = std::chrono::minutes(10),
                                  .max_connections = kMaxConnections,
                                  .keep_alive = true});
  co_await server.serve(std::move(listener));
  // They belong to this thread's loop.
  links_.close_idle();
  directory_.close_idle();
}

void DataPlane::put_host(HostAddress host) {
  thread_.loop().post([this, host = std::move(host)] {
    links_.put(host);
    directory_.put(host);
    places_.forget_all();
  });
}

void DataPlane::retire_host(std::string host_id) {
  thread_.loop().post([this, id = std::move(host_id)] {
    links_.retire(id);
    directory_.retire(id);
    places_.forget_all();
  });
}

void DataPlane::forget(std::string sandbox_id) {
  thread_.loop().post([this, id = std::move(sandbox_id)] { places_.forget(id); });
}

}  // namespace wrenn::control
