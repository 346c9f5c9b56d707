// proxy_hops: the two halves of the proxy as processes of their own, in front of one upstream, for
// bench/proxy. They are the very ones that wrenn-cp and wrenn-agent run; what is different is that
// the sandbox they know is no VM, so that the VM is not what is measured.
//
//   proxy_hops inner --listen ENDPOINT --upstream ENDPOINT    as in wrenn-agent
//   proxy_hops edge --listen ENDPOINT --inner ENDPOINT        as in wrenn-cp; says "token TOKEN"
//
// Each says "ready" when it listens, and ends on SIGTERM.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>

#include <CLI/CLI.hpp>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/signals.h"
#include "proxy/edge_proxy.h"
#include "proxy/guest_proxy.h"

namespace {

using namespace wrenn;
using base::Result;
using net::Task;

constexpr std::string_view kSandbox = "cl-0123456789abcdefghijklmno";
constexpr std::size_t kNoLimit = 1'000'000;

struct Flags {
  std::string listen;
  std::string next;
};

class OneSandbox final : public proxy::EdgeDirectory {
 public:
  explicit OneSandbox(net::ConnectionPool& host)
      : place_(std::make_shared<const proxy::SandboxPlace>(proxy::SandboxPlace{
            .team_id = "team", .is_running = true, .public_ports = {}, .host = &host})) {}
  Task<Result<std::shared_ptr<const proxy::SandboxPlace>>> find(std::string id) override {
    co_return id == kSandbox ? place_ : nullptr;
  }
  Task<Result<std::string>> team_of_key(std::string) override { co_return std::string(); }

 private:
  std::shared_ptr<const proxy::SandboxPlace> place_;
};

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

Task<void> stop_on_signal(net::Signals& signals, net::TaskScope& scope) {
  (void)co_await signals.next();
  scope.request_stop();
}

Task<Result<void>> serve(net::HttpHandler& handler, net::Listener listener, net::Signals& signals) {
  const net::Context context = co_await net::current_context();
  net::HttpServer server(
      handler,
      {.body_timeout = std::chrono::minutes(10), .max_connections = kNoLimit, .keep_alive = true});
  net::TaskScope scope(*context.loop);
  scope.spawn(server.serve(std::move(listener)));
  say("ready");
  co_await stop_on_signal(signals, scope);
  co_await scope.join();
  co_return {};
}

Result<void> run_inner(const Flags& flags, net::Signals& signals) {
  WRENN_TRY_ASSIGN(const auto listen, net::Endpoint::parse(flags.listen));
  WRENN_TRY_ASSIGN(const auto upstream, net::Endpoint::parse(flags.next));
  net::Loop loop;
  WRENN_TRY_ASSIGN(auto listener, net::Listener::listen(loop, listen));
  proxy::GuestTable guests({.max_open = kNoLimit,
                            .connections_per_second = static_cast<int>(kNoLimit),
                            .connection_burst = static_cast<int>(kNoLimit)});
  guests.add({.id = std::string(kSandbox),
              .endpoint = [upstream](std::uint16_t) { return upstream; },
              .netns = {},
              .envd_token = {},
              .activity = std::make_shared<proxy::Activity>(),
              .ports = nullptr});
  proxy::GuestProxy handler(guests);
  auto served = loop.block_on(serve(handler, std::move(listener), signals));
  loop.block_on(guests.remove_all());
  return served;
}

Result<void> run_edge(const Flags& flags, net::Signals& signals) {
  WRENN_TRY_ASSIGN(const auto listen, net::Endpoint::parse(flags.listen));
  WRENN_TRY_ASSIGN(const auto inner, net::Endpoint::parse(flags.next));
  net::Loop loop;
  WRENN_TRY_ASSIGN(auto listener, net::Listener::listen(loop, listen));
  net::ConnectionPool host(inner, {.idle_timeout = std::chrono::minutes(10), .max_idle = 512});
  OneSandbox directory(host);
  const proxy::AccessKey access(base::Secret(base::to_hex(base::random_bytes(32))));
  proxy::EdgeProxy handler(directory, access, {.max_open = kNoLimit});
  say(base::concat("token ", access.traffic_token(kSandbox)));
  return loop.block_on(serve(handler, std::move(listener), signals));
}

// As many descriptors as this process may have: a WebSocket takes two.
void raise_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app("The halves of the proxy, for a benchmark", "proxy_hops");
  app.require_subcommand(1);
  auto* inner = app.add_subcommand("inner", "As on a host");
  inner->add_option("--listen", flags.listen)->required();
  inner->add_option("--upstream", flags.next)->required();
  auto* edge = app.add_subcommand("edge", "As at the control plane");
  edge->add_option("--listen", flags.listen)->required();
  edge->add_option("--inner", flags.next)->required();
  CLI11_PARSE(app, argc, argv);
  base::log_start("proxy_hops", base::LogLevel::kWarn);
  raise_descriptors();
  auto signals = net::Signals::create({SIGTERM, SIGINT});
  net::ignore_sigpipe();
  Result<void> done;
  if (!signals) {
    done = base::fail(signals.error());
  } else {
    done = inner->parsed() ? run_inner(flags, *signals) : run_edge(flags, *signals);
  }
  if (done) return 0;
  std::fprintf(stderr, "proxy_hops: %s\n", done.error().to_string().c_str());
  return 1;
}
