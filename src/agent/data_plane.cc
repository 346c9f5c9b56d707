#include "agent/data_plane.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "agent/control_plane_socket.h"
#include "agent/guest_client.h"
#include "agent/port_watch.h"
#include "base/log.h"
#include "net/http_server.h"
#include "proxy/guest_proxy.h"

namespace wrenn::agent {
namespace {

using base::Result;
using net::Task;

// Half of the descriptors that a process usually may have: each takes one here and one to a guest.
constexpr std::size_t kMaxConnections = 9000;

Result<base::Fd> copy_fd(int fd) {
  base::Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return base::fail_errno(errno, "cannot duplicate a descriptor");
  return copy;
}

// Only the control plane gets through.
class ControlPlaneOnly final : public net::HttpHandler {
 public:
  explicit ControlPlaneOnly(net::HttpHandler& handler) : handler_(handler) {}
  Task<Result<void>> handle(net::Request& request, net::ResponseWriter& response) override {
    if (is_control_plane(request.stream())) return handler_.handle(request, response);
    return response.send(403, {}, "only the control plane may call the agent\n");
  }

 private:
  net::HttpHandler& handler_;
};

}  // namespace

Result<std::unique_ptr<DataPlane>> DataPlane::start(const AgentConfig& config,
                                                    proxy::GuestLimits limits,
                                                    const std::optional<RemoteAccess>& remote) {
  std::unique_ptr<DataPlane> plane(new DataPlane(limits));
  WRENN_TRY_ASSIGN(auto listener,
                   listen_for_control_plane(plane->thread_.loop(), config.proxy_socket));
  std::optional<net::Listener> remote_listener;
  std::shared_ptr<const net::StreamSecurity> security;
  if (remote) {
    WRENN_TRY_ASSIGN(auto opened, net::Listener::listen(plane->thread_.loop(), remote->listen));
    remote_listener.emplace(std::move(opened));
    security = remote->security;
  }
  plane->thread_.start("data-plane", [&guests = plane->guests_, l = std::move(listener),
                                      r = std::move(remote_listener), s = security]() mutable {
    return serve(guests, std::move(l), std::move(r), std::move(s));
  });
  return plane;
}

DataPlane::~DataPlane() = default;

Task<void> DataPlane::serve(proxy::GuestTable& guests, net::Listener listener,
                            std::optional<net::Listener> remote,
                            std::shared_ptr<const net::StreamSecurity> security) {
  const net::Context context = co_await net::current_context();
  proxy::GuestProxy proxy(guests);
  ControlPlaneOnly handler(proxy);
  net::HttpServerOptions options{.body_timeout = std::chrono::minutes(10),
                                 .max_connections = kMaxConnections};
  net::HttpServer server(handler, options);
  options.keep_alive = true;
  options.security = std::move(security);
  net::HttpServer remote_server(handler, options);
  net::TaskScope scope(*context.loop, context.stop);
  if (remote) scope.spawn(remote_server.serve(std::move(*remote)));
  co_await server.serve(std::move(listener));
  scope.request_stop();
  co_await scope.join();
  co_await guests.remove_all();
}

Result<void> DataPlane::add(const Sandbox& sandbox) {
  WRENN_TRY_ASSIGN(base::Fd netns, copy_fd(sandbox.vm->place.slot.netns.get()));
  WRENN_TRY_ASSIGN(base::Fd watch_netns, copy_fd(netns.get()));
  const std::string_view token = sandbox.manifest.envd_token.reveal();
  auto settings = std::make_shared<proxy::GuestSettings>(proxy::GuestSettings{
      .id = sandbox.manifest.id,
      .endpoint = guest_endpoint,
      .netns = std::move(netns),
      .envd_token = base::Secret(std::string(token)),
      .activity = sandbox.proxied,
      .ports =
          std::make_unique<EnvdPortWatch>(std::move(watch_netns), sandbox.manifest.envd_token)});
  thread_.loop().post([this, settings] { guests_.add(std::move(*settings)); });
  return {};
}

Task<void> DataPlane::remove(std::string sandbox_id, base::Duration patience) {
  return net::run_on(thread_.loop(),
                     [this, sandbox_id, patience] { return guests_.remove(sandbox_id, patience); });
}

}  // namespace wrenn::agent
