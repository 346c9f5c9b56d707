// wrenn sandbox forward.
#include <csignal>
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"
#include "cli/port_arguments.h"
#include "cli/sandbox_lookup.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/tunnel.h"
#include "net/resolve.h"
#include "net/scope.h"
#include "net/signals.h"

namespace wrenn::cli {
namespace {

using net::Task;

struct ForwardOptions {
  std::string id;
  std::vector<std::string> ports;
};

// The proxy, from an address of a port: "http://127.0.0.1:8081/proxy/...".
base::Result<ApiUrl> proxy_of(std::string_view path_url) {
  const std::string_view origin = path_url.substr(0, path_url.find("/proxy/"));
  if (origin.starts_with("https://")) {
    return base::fail(base::Code::kUnimplemented,
                      base::concat("the proxy at ", origin, " wants TLS, which wrenn cannot do"),
                      "open the port in a browser with `wrenn sandbox url`, or forward it on a "
                      "machine where --proxy-url of the server is an http:// address");
  }
  return ApiUrl::parse(origin);
}

// Asks the API where the proxy is, and for the token that it wants.
Task<base::Result<TunnelTarget>> find_target(ApiClient& api, std::string id, std::uint16_t port) {
  WRENN_CO_TRY_ASSIGN(
      const std::string reply,
      co_await api.call("POST", base::concat("/v1/capsules/", id, "/ports/", port, "/url"), "{}"));
  WRENN_CO_TRY_ASSIGN(const auto value, parse_json(reply));
  const auto* object = value.if_object();
  if (object == nullptr) {
    co_return base::fail(base::Code::kInternal, "the API's reply makes no sense");
  }
  WRENN_CO_TRY_ASSIGN(const ApiUrl proxy, proxy_of(string_field(*object, "path_url")));
  WRENN_CO_TRY_ASSIGN(net::Endpoint endpoint, net::resolve(proxy.host, proxy.port));
  co_return TunnelTarget{.proxy = std::move(endpoint),
                         .authority = proxy.authority(),
                         .sandbox_id = std::move(id),
                         .port = port,
                         .traffic_token = base::Secret(string_field(*object, "traffic_token"))};
}

Task<void> serve_one(std::unique_ptr<net::Stream> client, TunnelTarget target,
                     const Console& console) {
  const std::uint16_t port = target.port;
  auto carried = co_await carry(std::move(client), std::move(target));
  if (carried || carried.error().code == base::Code::kCanceled) co_return;
  // On one line: there may be many, and what stands between them is the user's own.
  console.say(base::concat(console.err_paint.red("error: "), "port ", port, ": ",
                           printable(carried.error().to_string())));
}

Task<void> serve(net::Listener listener, TunnelTarget target, const Console& console,
                 net::TaskScope& scope) {
  while (true) {
    auto client = co_await listener.accept();
    if (!client) {
      if (client.error().code != base::Code::kCanceled) console.report(client.error());
      co_return;
    }
    scope.spawn(serve_one(std::move(*client), target, console));
  }
}

base::Result<net::Listener> listen_on(net::Loop& loop, std::uint16_t port) {
  WRENN_TRY_ASSIGN(const net::Endpoint endpoint, net::Endpoint::tcp("127.0.0.1", port));
  auto listener = net::Listener::listen(loop, endpoint);
  if (!listener) {
    auto error = std::move(listener).error();
    error.remedy = "give another port of this machine: LOCAL:REMOTE, or 0:REMOTE for any";
    return base::fail(std::move(error));
  }
  return listener;
}

Task<base::Result<int>> forward(ApiClient& api, const Console& console, std::string text,
                                std::vector<Forwarding> forwardings, net::Signals& signals) {
  const net::Context context = co_await net::current_context();
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, text));
  WRENN_CO_TRY_ASSIGN(TunnelTarget target,
                      co_await find_target(api, id, forwardings.front().remote));
  // All before the first is served: either everything works or nothing was begun.
  std::vector<net::Listener> listeners;
  for (const auto& forwarding : forwardings) {
    WRENN_CO_TRY_ASSIGN(net::Listener listener, listen_on(*context.loop, forwarding.local));
    listeners.push_back(std::move(listener));
  }
  net::TaskScope scope(*context.loop, context.stop);
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    target.port = forwardings[i].remote;
    const auto told = console.out(
        base::concat("127.0.0.1:", listeners[i].port(), " -> ", id, " port ", target.port, '\n'));
    if (told) scope.spawn(serve(std::move(listeners[i]), target, console, scope));
  }
  if (console.err_is_terminal) console.say(console.err_paint.dim("Ctrl-C ends it."));
  const auto signal = co_await signals.next();
  scope.request_stop();
  co_await scope.join();
  if (!signal) co_return base::fail(signal.error());
  co_return 0;
}

base::Result<int> run(Session& session, const ForwardOptions& options) {
  std::vector<Forwarding> forwardings;
  for (const auto& text : options.ports) {
    const auto parsed = parse_forwarding(text);
    if (!parsed) return session.console.usage(parsed.error().message, parsed.error().remedy);
    forwardings.push_back(*parsed);
  }
  net::ignore_sigpipe();
  WRENN_TRY_ASSIGN(auto signals, net::Signals::create({SIGINT, SIGTERM, SIGHUP}));
  return with_api(session, [&](ApiClient& api) {
    return forward(api, session.console, options.id, forwardings, signals);
  });
}

}  // namespace

void add_forward_command(CLI::App& sandbox, Session& session) {
  auto* command =
      sandbox.add_subcommand("forward", "Bring ports of a sandbox to this machine, until Ctrl-C");
  auto options = std::make_shared<ForwardOptions>();
  command->add_option("ID", options->id, "The sandbox; a beginning of its id is enough")
      ->required();
  command->add_option("PORT", options->ports, "[LOCAL:]REMOTE, any number of times")->required();
  command->footer("Example: wrenn sandbox forward cl-0q3v 8080:80 5432");
  command->callback([&session, options] {
    session.action = [&session, options] { return run(session, *options); };
  });
}

}  // namespace wrenn::cli
