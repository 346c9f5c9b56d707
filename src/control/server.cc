#include "control/server.h"

#include <csignal>
#include <deque>
#include <memory>

#include "base/crypto.h"
#include "base/log.h"
#include "base/service_notify.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/api.h"
#include "control/builds/builder.h"
#include "control/data_plane.h"
#include "control/hosts/host_directory.h"
#include "control/hosts/reconciler.h"
#include "control/hosts/registered_hosts.h"
#include "control/housekeeping.h"
#include "control/mail/mailer.h"
#include "control/metrics_report.h"
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
// Each hash of a password takes a core and 64 MiB for a while.
constexpr std::size_t kPasswordThreads = 2;
// Each waits for a provider of identity, for as long as its deadline lets it.
constexpr std::size_t kProviderThreads = 4;
// What builds copy, and what they are sent.
constexpr std::size_t kBuildThreads = 2;
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

Result<base::Sealer> load_sealer_for(db::Database& database, const EncryptionKeyPlace& place) {
  WRENN_TRY_ASSIGN(const bool has_sealed, db::SecretStore::has_sealed(database));
  return load_sealer(place, has_sealed ? MissingKey::kIsRefused : MissingKey::kIsMade);
}

std::unique_ptr<Mailer> start_mailer(const ServerOptions& options) {
  if (options.mail.host.empty()) {
    base::log_info("no mail server is set, so mails become files",
                   {{"directory", options.mail_directory.native()}});
  }
  return std::make_unique<Mailer>(mail_transport(options.mail, options.mail_directory),
                                  MailerOptions{.from = options.mail.from});
}

Task<void> cut_after_grace(Api& api) {
  if (co_await net::sleep_for(kGrace)) api.stop();
}

Task<Result<void>> serve(net::Listener listener, Api& api, Services& services,
                         std::chrono::days audit_retention, std::deque<Reconciler>& reconcilers,
                         RegisteredHosts& registered, net::MetricsServer* metrics,
                         net::Signals& signals) {
  const net::Context context = co_await net::current_context();
  net::HttpServer server(api, {});
  net::TaskScope scope(*context.loop);
  net::TaskScope grace(*context.loop);
  net::TaskScope holds(*context.loop);  // Ends last: requests hold what they change to their end.
  holds.spawn(keep_holds(services));
  scope.spawn(registered.run());
  // Who asks in the meantime waits: a create must not be refused for want of hosts.
  if (!co_await registered.wait_until_known()) base::log_debug("stopped before it began");
  scope.spawn(server.serve(std::move(listener)));
  for (Reconciler& reconciler : reconcilers) scope.spawn(reconciler.run());
  scope.spawn(keep_house(services, audit_retention));
  scope.spawn(services.audit.run());
  scope.spawn(services.dispatcher.run());
  scope.spawn(services.events.run());
  Builder builder(services);
  scope.spawn(builder.run());
  if (metrics != nullptr) scope.spawn(metrics->serve());
  auto signal = co_await signals.next();
  base::log_info("stopping", {{"connections", server.connections()}});
  base::tell_service_manager(base::kServiceStopping);
  api.begin_shutdown();
  grace.spawn(cut_after_grace(api));
  scope.request_stop();
  co_await scope.join();
  grace.request_stop();
  co_await grace.join();
  holds.request_stop();
  co_await holds.join();
  if (const auto written = co_await services.audit.flush(); !written) {
    base::log_error("the end of the log of changes is lost", {{"error", written.error()}});
  }
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
  WRENN_TRY_ASSIGN(db::Database database, db::open_and_migrate(options.database));

  db::ApiKeyStore keys(database);
  // A file is this process's alone: whatever earlier ones began is to be settled at once.
  const std::string holder = db::is_postgres(options.database)
                                 ? concat("cp-", base::to_hex(base::random_bytes(8)))
                                 : std::string();
  db::SandboxStore sandboxes(database, base::unix_ms_now, holder, options.overcommit);
  db::HostStore hosts(database);
  db::PortStore ports(database);
  db::TemplateStore templates(database);
  db::IdempotencyStore idempotency(database);
  db::UsageStore usage(database);
  db::QuotaStore quotas(database);
  WRENN_TRY_ASSIGN(const base::Sealer sealer, load_sealer_for(database, options.encryption_key));
  db::SecretStore secrets(database, sealer);
  WRENN_TRY(secrets.seal_all());
  WRENN_TRY_ASSIGN(auto secret, secrets.get_or_create(kAccessSecret));
  const proxy::AccessKey access_key(std::move(secret));
  db::HostRegistry registry(database);
  db::AuthorityStore authorities(database, sealer);
  WRENN_TRY_ASSIGN(const HostPki pki, HostPki::open(authorities));
  net::Loop loop;
  HostDirectory directory(addresses);
  WRENN_TRY(register_hosts(hosts, addresses));
  const auto mailer = start_mailer(options);
  BusySandboxes busy;
  OpenSockets open_sockets;
  Operations operations;
  Fleet fleet(options.overcommit);
  net::BlockingPool pool(kDatabaseThreads);
  db::AuditStore audit_store(database);
  AuditLog audit(audit_store, pool);
  db::ChannelStore channels(database, sealer);
  db::BuildStore builds(database);
  db::LayerStore layers(database);
  const ContextStore contexts(options.context_directory);
  net::BlockingPool build_pool(kBuildThreads);
  EventFeed events(sandboxes, builds, audit_store, pool);
  ChannelDispatcher dispatcher(channels, pool, options.channel_destinations);
  AccountStores account_stores(database);
  AccessTokens access_tokens([&](std::string_view name) { return secrets.get_or_create(name); });
  Accounts accounts(account_stores, access_tokens, options.accounts,
                    [&](Mail mail) { return mailer->send(std::move(mail)); });
  ProviderLogins provider_logins(
      accounts, [&](std::string_view name) { return secrets.get_or_create(name); }, options.oauth);
  net::BlockingPool account_pool(kPasswordThreads);
  net::BlockingPool provider_pool(kProviderThreads);
  const auto on_wake = [&audit](const db::Sandbox& woken) {
    audit.add_own(woken.team_id, "capsule.running", "capsule", woken.id, "traffic came to it");
  };
  WRENN_TRY_ASSIGN(const auto data_plane,
                   DataPlane::start({.listen = proxy_endpoint,
                                     .hosts = addresses,
                                     .scheme = proxy_settings.scheme,
                                     .domain = proxy_settings.domain,
                                     .holder = holder,
                                     .on_wake = on_wake},
                                    database, access_key, busy, operations, fleet));
  Services services{.keys = keys,
                    .sandboxes = sandboxes,
                    .hosts = hosts,
                    .ports = ports,
                    .templates = templates,
                    .idempotency = idempotency,
                    .usage = usage,
                    .quotas = quotas,
                    .database_pool = pool,
                    .access_tokens = access_tokens,
                    .accounts = accounts,
                    .provider_logins = provider_logins,
                    .account_pool = account_pool,
                    .provider_pool = provider_pool,
                    .directory = directory,
                    .busy = busy,
                    .proxy_settings = proxy_settings,
                    .access_key = access_key,
                    .open_sockets = open_sockets,
                    .operations = operations,
                    .database = database,
                    .registry = registry,
                    .pki = pki,
                    .audit = audit,
                    .channels = channels,
                    .dispatcher = dispatcher,
                    .fleet = fleet,
                    .builds = builds,
                    .layers = layers,
                    .contexts = contexts,
                    .build_pool = build_pool,
                    .events = events};
  services.forget_place = [&](const std::string& id) { data_plane->forget(id); };
  Api api(services);
  std::deque<Reconciler> reconcilers;
  for (const auto& host : addresses) reconcilers.emplace_back(services, host.id);
  RegisteredHosts registered(
      services,
      {.on_host = [&](const HostAddress& host) { data_plane->put_host(host); },
       .on_gone = [&](const std::string& id) { data_plane->retire_host(id); }},
      options.host_silence);

  WRENN_TRY_ASSIGN(auto listener, net::Listener::listen(loop, endpoint));
  const std::string address = public_address(endpoint, listener);
  base::log_info("listening", {{"address", address}, {"proxy", proxy_endpoint.to_string()}});
  for (const auto& host : addresses) {
    base::log_info("host", {{"name", host.name}, {"agent", host.agent.to_string()}});
  }
  MetricsReport report(services, api, database, data_plane->stats());
  WRENN_TRY_ASSIGN(const auto metrics, net::MetricsServer::start(loop, options.metrics, report));
  WRENN_TRY(tell_ready(options.ready_fd));
  base::tell_service_manager(base::kServiceReady);
  return loop.block_on(serve(std::move(listener), api, services, options.audit_retention,
                             reconcilers, registered, metrics.get(), signals));
}

}  // namespace wrenn::control
