// For tests of the control plane: the whole of it in one process and on one loop, with a real
// database in a directory of its own and a TestAgent on a Unix socket.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "control/api/api.h"
#include "control/hosts/agent_client.h"
#include "control/hosts/reconciler.h"
#include "control/services.h"
#include "control/test_agent.h"
#include "db/secret_store.h"
#include "db/test_database.h"

namespace wrenn::control {

// What a client got; status 0 when the answer was cut or there was none.
struct Got {
  int status = 0;
  std::string body;
  net::Headers headers;
  bool has(std::string_view part) const { return body.find(part) != std::string::npos; }
};

// Whether it comes to hold, in time enough for the slowest machine.
template <class Condition>
net::Task<bool> eventually(Condition holds) {
  const auto until = base::steady_now() + std::chrono::seconds(30);
  while (!holds()) {
    if (base::steady_now() > until) co_return false;
    (void)co_await net::sleep_for(std::chrono::milliseconds(5));
  }
  co_return true;
}

struct World {
  base::TempDir dir = base::TempDir::create().value();
  db::TestDatabase test_database;
  db::Database& database = test_database.database;
  db::ApiKeyStore keys{database};
  db::SandboxStore sandboxes{database};
  db::HostStore hosts{database};
  db::PortStore ports{database};
  db::TemplateStore templates{database};
  db::IdempotencyStore idempotency{database};
  db::UsageStore usage{database};
  db::QuotaStore quotas{database};
  ProxySettings proxy_settings = ProxySettings::create({}, "127.0.0.1:8081").value();
  proxy::AccessKey access_key{base::Secret(std::string(64, 'a'))};
  net::Loop loop;
  net::Endpoint agent_endpoint =
      net::Endpoint::unix_socket((dir.path() / "agent.sock").string()).value();
  net::Endpoint east_endpoint =
      net::Endpoint::unix_socket((dir.path() / "east.sock").string()).value();
  std::map<std::string, hostagent::v1::SandboxInfo> archives;  // What object storage has.
  TestAgent agent{&archives};
  TestAgent east{&archives};
  std::vector<HostAddress> addresses;
  HostDirectory directory;
  BusySandboxes busy;
  OpenSockets open_sockets;
  Operations operations;
  Fleet fleet{{}, base::Duration(0)};  // Hosts are as the database has them.
  net::BlockingPool pool{2};
  db::AuditStore audit_store{database};
  AuditLog audit{audit_store, pool};
  base::Sealer sealer =
      base::Sealer::create(base::Secret(std::string(base::kSealKeyBytes, 'k'))).value();
  db::ChannelStore channels{database, sealer};
  // A test's receiver is on this machine.
  ChannelDispatcher dispatcher{channels, pool, net::Destinations::kAny};
  OAuthSettings oauth;  // Off, unless a test says otherwise.
  AccountStores stores{database};
  db::UserStore& users = stores.users;
  db::TeamStore& teams = stores.teams;
  db::SessionStore& sessions = stores.sessions;
  db::SecretStore secrets{database, sealer};
  db::HostRegistry registry{database};
  db::AuthorityStore authorities{database, sealer};
  HostPki pki = HostPki::open(authorities).value();
  AccessTokens access_tokens{[this](auto name) { return secrets.get_or_create(name); }};
  std::mutex mails_mutex;
  std::vector<Mail> mails;  // Sent, oldest first.
  AccountSettings account_settings{.is_signup_open = true, .public_url = "http://wrenn.example"};
  Accounts accounts{stores, access_tokens, account_settings,
                    [this](Mail mail) -> base::Result<void> {
                      const std::lock_guard lock(mails_mutex);
                      mails.push_back(std::move(mail));
                      return {};
                    }};
  ProviderLogins provider_logins{accounts,
                                 [this](auto name) { return secrets.get_or_create(name); }, oauth};
  net::BlockingPool account_pool{2};
  net::BlockingPool provider_pool{2};
  db::BuildStore builds{database};
  db::LayerStore layers{database};
  base::TempDir context_directory = base::TempDir::create().value();
  ContextStore contexts{context_directory.path()};
  net::BlockingPool build_pool{1};
  EventFeed events{sandboxes, builds, audit_store, pool};
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
  Api api{services};
  Reconciler reconciler{services, local_host_id()};
  Reconciler east_reconciler{services, host_id_of("east")};  // With two hosts.
  std::string key{keys.create(db::kDefaultTeam, {.name = "test"}).value().text.reveal()};
  net::Endpoint endpoint = net::Endpoint::parse("127.0.0.1:1").value();

  enum class Agent { kAway, kThere, kEastAway };
  enum class Hosts { kOne, kTwo };

  explicit World(Hosts how_many = Hosts::kOne, OAuthSettings oauth_settings = {})
      : addresses(host_addresses(how_many)),
        directory(addresses),
        oauth(std::move(oauth_settings)) {
    EXPECT_TRUE(register_hosts(hosts, addresses));
  }

  void run(net::Task<void> (*test)(World&), Agent agent_is = Agent::kThere) {
    loop.block_on(serve(test, agent_is));
  }

  net::Task<Got> call(std::string method, std::string target, std::string body = {},
                      net::Headers headers = {}) {
    if (!headers.find("x-api-key")) headers.set("X-API-Key", key);
    net::HttpClient client(endpoint, {});
    Got got;
    auto response = co_await client.send({.method = std::move(method),
                                          .target = std::move(target),
                                          .headers = std::move(headers),
                                          .body = std::move(body)});
    if (!response) co_return got;
    auto content = co_await net::read_all(*response, 64u << 20);
    if (!content) co_return got;
    got = {response->status(), std::move(*content), response->headers()};
    co_return got;
  }

  // The path of a new sandbox: "/v1/capsules/cl-...".
  net::Task<std::string> new_sandbox() {
    const Got got = co_await call("POST", "/v1/capsules", "{}");
    EXPECT_EQ(got.status, 201) << got.body;
    co_return base::concat("/v1/capsules/", id_in(got.body));
  }
  static std::string id_in(const std::string& json) {
    const auto at = json.find("cl-");
    return at == std::string::npos ? "" : json.substr(at, 28);
  }

 private:
  std::vector<HostAddress> host_addresses(Hosts how_many) const {
    const net::Endpoint proxy = net::Endpoint::unix_socket("/nonexistent/proxy.sock").value();
    std::vector<HostAddress> all = {{"local", local_host_id(), agent_endpoint, proxy}};
    if (how_many == Hosts::kTwo) {
      all.push_back({"east", host_id_of("east"), east_endpoint, proxy});
    }
    return all;
  }

  net::Task<void> serve(net::Task<void> (*test)(World&), Agent agent_is) {
    net::TaskScope scope(loop);
    net::HttpServer agent_server(agent, {});
    net::HttpServer east_server(east, {});
    net::HttpServer api_server(api, {});
    if (agent_is == Agent::kThere) {
      scope.spawn(east_server.serve(net::Listener::listen(loop, east_endpoint).value()));
    }
    if (agent_is != Agent::kAway) {
      scope.spawn(agent_server.serve(net::Listener::listen(loop, agent_endpoint).value()));
    }
    auto listener = net::Listener::listen(loop, net::Endpoint::parse("127.0.0.1:0").value());
    endpoint = net::Endpoint::tcp("127.0.0.1", listener->port()).value();
    scope.spawn(api_server.serve(std::move(*listener)));
    scope.spawn(events.run());
    co_await test(*this);
    api.stop();
    scope.request_stop();
    co_await scope.join();
  }
};

}  // namespace wrenn::control
