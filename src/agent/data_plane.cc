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

// Only the control plane of this machine gets through.
class LocalHandler final : public net::HttpHandler {
 public:
  explicit LocalHandler(net::HttpHandler& handler) : handler_(handler) {}
  Task<Result<void>> handle(net::Request& request, net::ResponseWriter& response) override {
    if (is_control_plane(request.stream())) return handler_.handle(request, response);
    return response.send(403, {}, "only the control plane may call the agent\n");
  }

 private:
  net::HttpHandler& handler_;
};

}  // namespace

Result<std::unique_ptr<DataPlane>> DataPlane::start(const AgentConfig& config,
                                                    proxy::GuestLimits limits) {
  std::unique_ptr<DataPlane> plane(new DataPlane(limits));
  WRENN_TRY_ASSIGN(auto listener,
                   listen_for_control_plane(plane->thread_.loop(), config.proxy_socket));
  plane->thread_.start("data-plane", [&guests = plane->guests_, l = std::move(listener)]() mutable {
    return serve(guests, std::move(l));
  });
  return plane;
}

DataPlane::~DataPlane() = default;

Task<void> DataPlane::serve(proxy::GuestTable& guests, net::Listener listener) {
  proxy::GuestProxy proxy(guests);
  LocalHandler handler(proxy);
  net::HttpServer server(
      handler, {.body_timeout = std::chrono::minutes(10), .max_connections = kMaxConnections});
  co_await server.serve(std::move(listener));
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

Task<void> DataPlane::remove(std::string sandbox_id) {
  return net::run_on(thread_.loop(), [this, sandbox_id] { return guests_.remove(sandbox_id); });
}

}  // namespace wrenn::agent
