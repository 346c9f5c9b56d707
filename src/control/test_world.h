// For tests of the control plane: the whole of it in one process and on one loop, with a real
// database in a directory of its own and a TestAgent on a Unix socket.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "control/api/api.h"
#include "control/hosts/agent_client.h"
#include "control/hosts/reconciler.h"
#include "control/services.h"
#include "control/test_agent.h"
#include "db/migrations.h"

namespace wrenn::control {

// What a client got; status 0 when the answer was cut or there was none.
struct Got {
  int status = 0;
  std::string body;
  net::Headers headers;
  bool has(std::string_view part) const { return body.find(part) != std::string::npos; }
};

struct World {
  base::TempDir dir = base::TempDir::create().value();
  db::Database database = db::open_and_migrate(dir.path() / "wrenn.db").value();
  db::ApiKeyStore keys{database};
  db::SandboxStore sandboxes{database};
  db::HostStore hosts{database};
  db::PortStore ports{database};
  db::TemplateStore templates{database};
  db::IdempotencyStore idempotency{database};
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
  net::BlockingPool pool{2};
  Services services{keys, sandboxes, hosts, ports,          templates,  idempotency,
                    pool, directory, busy,  proxy_settings, access_key, open_sockets};
  Api api{services};
  Reconciler reconciler{services, local_host_id()};
  Reconciler east_reconciler{services, host_id_of("east")};  // With two hosts.
  std::string key{keys.create(db::kDefaultTeam, "test").value().text.reveal()};
  net::Endpoint endpoint = net::Endpoint::parse("127.0.0.1:1").value();

  enum class Agent { kAway, kThere, kEastAway };
  enum class Hosts { kOne, kTwo };

  explicit World(Hosts how_many = Hosts::kOne)
      : addresses(host_addresses(how_many)), directory(addresses) {
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
    co_await test(*this);
    api.stop();
    scope.request_stop();
    co_await scope.join();
  }
};

}  // namespace wrenn::control
