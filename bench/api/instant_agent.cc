// A host agent whose sandboxes are entries in a map: what the control plane takes is all that is
// left to measure.
//
//   instant_agent unix:/PATH      says "ready" once it listens
#include <csignal>
#include <cstdio>
#include <map>
#include <string>

#include "connect/router.h"
#include "net/http_server.h"
#include "net/signals.h"
#include "proto/agent.pb.h"

namespace {

using namespace wrenn;
namespace pb = hostagent::v1;
using base::Result;
using net::Task;

class InstantAgent {
 public:
  explicit InstantAgent(connect::Router& router) {
    add(router, "CreateSandbox", &InstantAgent::create);
    add(router, "DestroySandbox", &InstantAgent::destroy);
    add(router, "ListSandboxes", &InstantAgent::list);
  }

 private:
  template <class Request, class Response>
  void add(connect::Router& router, const char* method,
           Task<Result<Response>> (InstantAgent::*member)(connect::CallContext&, const Request&)) {
    router.unary(base::concat("/hostagent.v1.HostAgentService/", method), *this, member);
  }
  Task<Result<pb::CreateSandboxResponse>> create(connect::CallContext&,
                                                 const pb::CreateSandboxRequest& request) {
    pb::SandboxInfo& info = sandboxes_[request.sandbox_id()];
    info.set_sandbox_id(request.sandbox_id());
    info.set_status("running");
    info.set_host_ip("10.11.0.2");
    *info.mutable_lifecycle() = request.lifecycle();
    pb::CreateSandboxResponse response;
    *response.mutable_sandbox() = info;
    co_return response;
  }
  Task<Result<pb::DestroySandboxResponse>> destroy(connect::CallContext&,
                                                   const pb::DestroySandboxRequest& request) {
    sandboxes_.erase(request.sandbox_id());
    co_return pb::DestroySandboxResponse();
  }
  Task<Result<pb::ListSandboxesResponse>> list(connect::CallContext&,
                                               const pb::ListSandboxesRequest&) {
    pb::ListSandboxesResponse response;
    for (const auto& [id, info] : sandboxes_) *response.add_sandboxes() = info;
    co_return response;
  }

  std::map<std::string, pb::SandboxInfo> sandboxes_;
};

Task<void> stop_on_signal(net::Signals& signals, net::StopSource& stop) {
  if (co_await signals.next()) stop.request_stop();
}

Task<Result<void>> serve(net::Endpoint endpoint, net::Signals& signals) {
  const net::Context context = co_await net::current_context();
  connect::Router router;
  InstantAgent agent(router);
  WRENN_CO_TRY_ASSIGN(auto listener, net::Listener::listen(*context.loop, endpoint, 0666));
  std::puts("ready");
  std::fflush(stdout);
  net::StopSource stop;
  net::TaskScope scope(*context.loop);
  scope.spawn(stop_on_signal(signals, stop));
  net::HttpServer server(router, {});
  co_await net::with_stop(stop.token(), server.serve(std::move(listener)));
  scope.request_stop();
  co_await scope.join();
  co_return {};
}

Result<void> run(const char* address) {
  WRENN_TRY_ASSIGN(auto signals, net::Signals::create({SIGTERM, SIGINT}));
  net::ignore_sigpipe();
  WRENN_TRY_ASSIGN(const auto endpoint, net::Endpoint::parse(address));
  net::Loop loop;
  return loop.block_on(serve(endpoint, signals));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: instant_agent unix:/PATH\n", stderr);
    return 2;
  }
  const auto done = run(argv[1]);
  if (done) return 0;
  std::fprintf(stderr, "instant_agent: %s\n", done.error().to_string().c_str());
  return 1;
}
