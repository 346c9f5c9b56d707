// Registered hosts, called over TLS while the control plane runs.
#include "control/hosts/registered_hosts.h"

#include <gtest/gtest.h>

#include "base/id.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using db::HostStatus;
using net::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A host as its agent is: with a key of its own and a certificate for it, on a port of this
// machine.
struct Machine {
  explicit Machine(World& world, const std::string& name)
      : listener(net::Listener::listen(world.loop, net::Endpoint::parse("127.0.0.1:0").value())
                     .value()) {
    id = world.registry.create({.name = name}).value().host.id;
    const auto token = world.registry.issue_token(id, {}, std::chrono::hours(1)).value();
    const auto certificate = sign(world, id);
    const std::string address = base::concat("127.0.0.1:", listener.port());
    (void)world.registry
        .complete(token.reveal(), {address, address}, {.arch = "amd64"}, certificate)
        .value();
    show(world, certificate);
  }
  db::HostCertificate sign(World& world, const std::string& of) const {
    return world.pki.sign_host(of, net::make_certificate_request(key).value()).value();
  }
  void show(World& world, const db::HostCertificate& certificate) {
    security = net::TlsSecurity::create(net::TlsSide::kServer,
                                        {certificate.pem, key, world.pki.certificate()},
                                        std::string(kControlPlaneName))
                   .value();
  }
  void serve(net::TaskScope& scope) {
    server.emplace(agent, net::HttpServerOptions{.security = security});
    scope.spawn(server->serve(std::move(listener)));
  }

  net::Listener listener;
  std::string id;
  base::Secret key = net::make_private_key().value();
  std::shared_ptr<net::TlsSecurity> security;
  TestAgent agent{nullptr};
  std::optional<net::HttpServer> server;
};

Task<void> until_status(World& world, const std::string& id, HostStatus wanted) {
  const auto until = base::steady_now() + seconds(60);
  while (world.hosts.get(id).value().status != wanted && base::steady_now() < until) {
    (void)co_await net::sleep_for(milliseconds(20));
  }
  EXPECT_EQ(world.hosts.get(id).value().status, wanted);
}

Task<void> check_called(World& world) {
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_TRUE(world.registry.set_draining(local_host_id(), db::Draining::kYes).value());
  Machine machine(world, "rack-1");
  std::vector<std::string> there;
  std::vector<std::string> gone;
  RegisteredHosts registered(world.services,
                             {.on_host = [&](const HostAddress& host) { there.push_back(host.id); },
                              .on_gone = [&](const std::string& id) { gone.push_back(id); }});
  net::TaskScope scope(world.loop);
  machine.serve(scope);
  EXPECT_FALSE(world.directory.contains(machine.id));
  EXPECT_TRUE(co_await registered.run_once(scope));
  EXPECT_TRUE(co_await registered.run_once(scope));
  EXPECT_EQ(there, std::vector{machine.id}) << "told once";
  co_await until_status(world, machine.id, HostStatus::kOnline);
  const std::string path = co_await world.new_sandbox();
  EXPECT_EQ(machine.agent.sandboxes.size(), 1u);
  EXPECT_EQ((co_await world.call("POST", path + "/exec", R"({"cmd":"x"})")).status, 200);
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  EXPECT_TRUE(world.registry.remove(machine.id).value());
  EXPECT_TRUE(co_await registered.run_once(scope));
  EXPECT_EQ(gone, std::vector{machine.id});
  EXPECT_FALSE(world.directory.contains(machine.id));
  scope.request_stop();
  co_await scope.join();
}

TEST(HostsRegisteredTest, AreCalledWhileTheyAreThere) {
  World().run(check_called);
}

Task<void> check_impostor(World& world) {
  Machine machine(world, "rack-1");
  // The certificate of another host of the same installation, at the address of this one.
  machine.show(world, machine.sign(world, base::new_id(base::kHostPrefix)));
  net::TaskScope scope(world.loop);
  machine.serve(scope);
  RegisteredHosts registered(
      world.services, {.on_host = [](const HostAddress&) {}, .on_gone = [](const std::string&) {}});
  EXPECT_TRUE(co_await registered.run_once(scope));
  const auto agent = world.directory.agent(machine.id);
  EXPECT_TRUE(agent);
  const auto listed = co_await (*agent)->list_sandboxes();
  EXPECT_FALSE(listed);
  EXPECT_EQ(listed.error().code, base::Code::kUnauthenticated) << listed.error().message;
  EXPECT_NE(world.hosts.get(machine.id).value().status, HostStatus::kOnline);
  scope.request_stop();
  co_await scope.join();
}

TEST(HostsRegisteredTest, AnotherHostInItsPlaceIsNotBelieved) {
  World().run(check_impostor);
}

Task<void> check_silence(World& world) {
  EXPECT_TRUE(world.registry.set_draining(local_host_id(), db::Draining::kYes).value());
  Machine machine(world, "rack-1");
  net::TaskScope host_scope(world.loop);
  machine.serve(host_scope);
  net::TaskScope scope(world.loop);
  RegisteredHosts registered(
      world.services, {.on_host = [](const HostAddress&) {}, .on_gone = [](const std::string&) {}},
      milliseconds(10));
  EXPECT_TRUE(co_await registered.run_once(scope));
  co_await until_status(world, machine.id, HostStatus::kOnline);
  const std::string path = co_await world.new_sandbox();
  host_scope.request_stop();
  co_await host_scope.join();
  co_await until_status(world, machine.id, HostStatus::kUnreachable);
  const std::string id = World::id_in(path);
  const auto until = base::steady_now() + seconds(60);
  while (world.sandboxes.get_any_team(id)->status != db::SandboxState::kMissing &&
         base::steady_now() < until) {
    (void)co_await net::sleep_for(milliseconds(20));
  }
  EXPECT_EQ(world.sandboxes.get_any_team(id)->status, db::SandboxState::kMissing);
  scope.request_stop();
  co_await scope.join();
}

TEST(HostsRegisteredTest, OneThatIsSilentIsUnreachableAndItsSandboxesMissing) {
  World().run(check_silence);
}

}  // namespace
}  // namespace wrenn::control
