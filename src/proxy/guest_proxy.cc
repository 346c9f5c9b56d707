#include "proxy/guest_proxy.h"

#include <algorithm>
#include <array>

#include "base/request_id.h"
#include "base/strings.h"
#include "proxy/forward.h"

namespace wrenn::proxy {
namespace {

using base::concat;
using base::Result;
using net::Task;

class PlainFilter final : public ResponseFilter {
 public:
  std::expected<net::Headers, Fault> fields(const net::ResponseHead& head) const override {
    return returned_fields(head.headers, head.status);
  }
};

Task<Result<void>> answer(net::ResponseWriter& response, Fault problem, FaultPlace place) {
  net::Headers fields;
  fields.add("Content-Type", "application/json");
  fields.add(kFaultField, concat(wire_name(problem.kind), ' ', problem.message));
  const std::string body = fault_json(problem, place);
  co_return co_await response.send(status_of(problem.kind), std::move(fields), body);
}

bool has_parameter(std::string_view target, std::string_view name) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return false;
  return std::ranges::any_of(base::split(target.substr(mark + 1), '&'),
                             [&](auto part) { return part.substr(0, part.find('=')) == name; });
}

}  // namespace

std::optional<Fault> refuse_envd(const net::RequestHead& request, std::string_view rest,
                                 const Guest& guest) {
  constexpr std::array<std::string_view, 4> kHostOnly = {"/init", "/freeze", "/thaw", "/snapshot"};
  const std::string_view path = rest.substr(0, rest.find('?'));
  // There is one way to write envd's own addresses, so that none slips by in another.
  if (path.contains('%') || path.contains("//") || path.contains("/.")) {
    return Fault{FaultKind::kNotFound, "envd has no such address"};
  }
  const auto is_below = [&](std::string_view root) {
    return path == root || (path.starts_with(root) && path[root.size()] == '/');
  };
  if (std::ranges::any_of(kHostOnly, is_below)) {
    return Fault{FaultKind::kNotFound, "only the sandbox's host may ask this of envd"};
  }
  if (path == "/health") return std::nullopt;
  // A signed file address brings its own proof, which envd checks.
  if (path == "/files" && has_parameter(rest, "signature")) return std::nullopt;
  const auto token = request.headers.find("x-access-token");
  if (token && guest.is_envd_token(*token)) return std::nullopt;
  return Fault{FaultKind::kForbidden, token ? "the X-Access-Token is not this sandbox's"
                                            : "envd needs the sandbox's X-Access-Token"};
}

Task<Result<void>> GuestProxy::handle(net::Request& request, net::ResponseWriter& response) {
  const base::Counted open(guests_.stats().open);
  auto handled = co_await carry_out(request, response);
  guests_.stats().answers.add(response.status());
  co_return handled;
}

Task<Result<void>> GuestProxy::carry_out(net::Request& request, net::ResponseWriter& response) {
  Kind kind = Kind::kHttp;
  auto place = parse_path(request.head().target);
  if (place && !*place) {
    kind = Kind::kTunnel;
    place = parse_path(request.head().target, kTunnelRoot);
  }
  if (!place || !*place) {
    const std::string message =
        place ? "the address does not begin with /proxy/" : place.error().to_string();
    co_return co_await answer(response, {FaultKind::kBadRequest, message}, {});
  }
  const PortAddress& address = (*place)->address;
  auto outcome = co_await serve(request, response, **place, kind);
  if (outcome) co_return {};
  if (response.started() || is_untellable(outcome.error().kind)) {
    response.abort();
    co_return base::fail(base::Code::kUnavailable, std::move(outcome).error().message);
  }
  const auto id = request.headers().find(base::kRequestIdField);
  log_fault(outcome.error(), {address.sandbox_id, address.port},
            id && base::is_request_id(*id) ? *id : std::string_view());
  co_return co_await answer(response, std::move(outcome).error(),
                            {address.sandbox_id, address.port});
}

Task<Outcome> GuestProxy::serve(net::Request& request, net::ResponseWriter& response,
                                const PathAddress& place, Kind kind) {
  Guest* guest = guests_.find(place.address.sandbox_id);
  if (guest == nullptr) {
    co_return fault(FaultKind::kSandboxNotFound, "The sandbox was not found");
  }
  const bool is_envd = place.address.port == kEnvdPort;
  if (is_envd && kind == Kind::kTunnel) {
    co_return fault(FaultKind::kForbidden, "envd cannot be reached through a tunnel");
  }
  if (is_envd) {
    if (auto refused = refuse_envd(request.head(), place.rest, *guest)) {
      co_return std::unexpected(std::move(*refused));
    }
  }
  const auto use = guest->enter(kind == Kind::kTunnel || is_upgrade(request.headers()));
  if (!use) co_return std::unexpected(use.error());
  const auto port = guest->port(place.address.port);
  if (!port) co_return std::unexpected(port.error());
  co_return co_await net::with_stop_also(
      guest->token(), kind == Kind::kTunnel ? carry(request, response, **port)
                                            : exchange(request, response, place.rest, **port));
}

Task<Outcome> GuestProxy::exchange(net::Request& request, net::ResponseWriter& response,
                                   std::string_view rest, GuestPort& port) {
  const PlainFilter filter;
  std::string target = rest.starts_with('/') ? std::string(rest) : concat('/', rest);
  Exchange exchange(request, response, port, filter,
                    {std::move(target), onward_fields(request.headers())});
  co_return co_await exchange.run();
}

Task<Outcome> GuestProxy::carry(net::Request& request, net::ResponseWriter& response,
                                GuestPort& port) {
  const auto protocol = request.headers().find("upgrade");
  if (!is_upgrade(request.headers()) || protocol != kTunnelProtocol) {
    co_return fault(
        FaultKind::kBadRequest,
        concat("a tunnel needs 'Connection: Upgrade' and 'Upgrade: ", kTunnelProtocol, "'"));
  }
  auto connection = co_await port.dial();
  if (!connection) co_return std::unexpected(std::move(connection).error());
  net::Headers fields;
  fields.add("Connection", "Upgrade");
  fields.add("Upgrade", kTunnelProtocol);
  if (!co_await response.upgrade(std::move(fields))) {
    co_return fault(FaultKind::kClientGone, "the client left");
  }
  const auto ended = co_await tunnel({request.stream(), request.input()},
                                     {*(*connection)->stream, (*connection)->input}, port);
  if (!ended) co_return fault(FaultKind::kCut, ended.error().message);
  co_return {};
}

}  // namespace wrenn::proxy
