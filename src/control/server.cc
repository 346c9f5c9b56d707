#include "control/server.h"

#include <csignal>
#include <deque>

#include "base/log.h"
#include "base/strings.h"
#include "control/api/api.h"
#include "control/data_plane.h"
#include "control/hosts/host_directory.h"
#include "control/hosts/reconciler.h"
#include "control/services.h"
#include "db/migrations.h"
#include "db/secret_store.h"
#include "net/resolve.h"
#include "net/signals.h"

namespace wrenn::control {
namespace {

using base::concat;
using base::Result;
using net::Task;

// SQLite has one writer; more threads would only wait for each other.
constexpr std::size_t kDatabaseThreads = 4;
// What signs traffic tokens and addresses of previews.
constexpr std::string_view kAccessSecret = "proxy-access";
constexpr auto kGrace = std::chrono::seconds(3);

Result<net::Endpoint> listen_endpoint(const std::string& text) {
  if (text.starts_with(':')) return net::Endpoint::parse(concat("0.0.0.0", text));
  auto endpoint = net::Endpoint::parse(text);
  const auto colon = text.rfind(':');
  if (endpoint || colon == std::string::npos) return endpoint;
  const auto port = base::parse_int<std::uint16_t>(std::string_view(text).substr(colon + 1));
  if (!port) return endpoint;
  return net::resolve(text.substr(0, colon), *port);
}

// The address that clients of this machine use.
std::string public_address(const net::Endpoint& endpoint, const net::Listener& listener) {
  if (endpoint.is_unix()) return endpoint.to_string();
  const std::string text = endpoint.to_string();
  return concat(text.substr(0, text.rfind(':')), ":", listener.port());
}

Result<void> tell_ready(int fd) {
  if (fd < 0) return {};
  const base::Fd owned(fd);
  return base::write_all(owned.get(), "ready\n");
}

Task<void> cut_after_grace(Api& api) {
  if (co_await net::sleep_for(kGrace)) api.stop();
}

Task<Result<void>> serve(net::Listener listener, Api& api, std::deque<Reconciler>& reconcilers,
                         net::Signals& signals) {
  const net::Context context = co_await net::current_context();
  net::HttpServer server(api, {});
  net::TaskScope scope(*context.loop);
  net::TaskScope grace(*context.loop);
  scope.spawn(server.serve(std::move(listener)));
  for (Reconciler& reconciler : reconcilers) scope.spawn(reconciler.run());
  auto signal = co_await signals.next();
  base::log_info("stopping", {{"connections", server.connections()}});
  api.begin_shutdown();
  grace.spawn(cut_after_grace(api));
  scope.request_stop();
  co_await scope.join();
  grace.request_stop();
  co_await grace.join();
  if (!signal) co_return base::fail(std::move(signal).error());
  co_return {};
}

}  // namespace

Result<void> run_server(const ServerOptions& options) {
  WRENN_TRY_ASSIGN(auto signals, net::Signals::create({SIGTERM, SIGINT}));
  net::ignore_sigpipe();
  WRENN_TRY_ASSIGN(const auto endpoint, listen_endpoint(options.listen));
  WRENN_TRY_ASSIGN(const auto proxy_endpoint, listen_endpoint(options.proxy.listen));
  WRENN_TRY_ASSIGN(const auto proxy_settings,
                   ProxySettings::create(options.proxy, proxy_endpoint.to_string()));
  WRENN_TRY_ASSIGN(const auto addresses,
                   parse_hosts(options.agents, options.agent_proxies, options.local_proxy));
  WRENN_TRY(base::make_dirs(options.database.parent_path(), 0700));
  WRENN_TRY_ASSIGN(db::Database database, db::open_and_migrate(options.database));

  db::ApiKeyStore keys(database);
  db::SandboxStore sandboxes(database);
  db::HostStore hosts(database);
  db::PortStore ports(database);
  db::TemplateStore templates(database);
  db::IdempotencyStore idempotency(database);
  WRENN_TRY_ASSIGN(auto secret, db::SecretStore(database).get_or_create(kAccessSecret));
  const proxy::AccessKey access_key(std::move(secret));
  net::Loop loop;
  HostDirectory directory(addresses);
  WRENN_TRY(register_hosts(hosts, addresses));
  BusySandboxes busy;
  OpenSockets open_sockets;
  net::BlockingPool pool(kDatabaseThreads);
  WRENN_TRY_ASSIGN(const auto data_plane, DataPlane::start({.listen = proxy_endpoint,
                                                            .hosts = addresses,
                                                            .scheme = proxy_settings.scheme,
                                                            .domain = proxy_settings.domain},
                                                           database, access_key, busy));
  Services services{keys, sandboxes, hosts, ports,          templates,  idempotency,
                    pool, directory, busy,  proxy_settings, access_key, open_sockets};
  services.forget_place = [&](const std::string& id) { data_plane->forget(id); };
  Api api(services);
  std::deque<Reconciler> reconcilers;
  for (const auto& host : addresses) reconcilers.emplace_back(services, host.id);

  WRENN_TRY_ASSIGN(auto listener, net::Listener::listen(loop, endpoint));
  const std::string address = public_address(endpoint, listener);
  base::log_info("listening", {{"address", address}, {"proxy", proxy_endpoint.to_string()}});
  for (const auto& host : addresses) {
    base::log_info("host", {{"name", host.name}, {"agent", host.agent.to_string()}});
  }
  WRENN_TRY(tell_ready(options.ready_fd));
  return loop.block_on(serve(std::move(listener), api, reconcilers, signals));
}

}  // namespace wrenn::control
