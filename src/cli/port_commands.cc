// wrenn sandbox url and ports.
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"
#include "cli/port_arguments.h"
#include "cli/sandbox_lookup.h"
#include "cli/session.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

namespace json = boost::json;

struct UrlOptions {
  std::string id;
  int port = 0;
  std::string expires;
  bool make_public = false;
  bool make_private = false;
  bool path = false;
};

base::Result<json::object> object_of(const std::string& reply) {
  WRENN_TRY_ASSIGN(const auto value, parse_json(reply));
  if (const auto* object = value.if_object()) return *object;
  return base::fail(base::Code::kInternal, "the API's reply makes no sense");
}

bool is_true(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const bool* flag = value == nullptr ? nullptr : value->if_bool();
  return flag != nullptr && *flag;
}

std::vector<json::object> ports_of(const json::object& reply) {
  std::vector<json::object> ports;
  const auto* list = reply.if_contains("ports");
  if (list == nullptr || !list->is_array()) return ports;
  for (const auto& entry : list->get_array()) {
    if (const auto* port = entry.if_object()) ports.push_back(*port);
  }
  return ports;
}

// The port as the API has it, when it is public.
net::Task<base::Result<std::optional<json::object>>> find_public(ApiClient& api, std::string path,
                                                                 int port) {
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("GET", path));
  WRENN_CO_TRY_ASSIGN(const json::object object, object_of(reply));
  for (auto& entry : ports_of(object)) {
    if (int_field(entry, "port") == port && is_true(entry, "public")) co_return std::move(entry);
  }
  co_return std::nullopt;
}

// What the API says about the port: an object with "url", "path_url" and, if signed, "expires_at".
net::Task<base::Result<json::object>> address_of(ApiClient& api, std::string ports,
                                                 const UrlOptions& options,
                                                 std::int64_t expires_sec) {
  const std::string path = base::concat(ports, '/', options.port);
  if (options.make_public || options.make_private) {
    const std::string body = options.make_public ? R"({"public":true})" : R"({"public":false})";
    WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("PUT", path, body));
    if (options.make_public) co_return object_of(reply);
  } else if (expires_sec == 0) {
    WRENN_CO_TRY_ASSIGN(auto open, co_await find_public(api, ports, options.port));
    if (open) co_return std::move(*open);
  }
  const std::string body =
      expires_sec > 0 ? base::concat(R"({"expires_sec":)", expires_sec, '}') : std::string("{}");
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("POST", path + "/url", body));
  co_return object_of(reply);
}

net::Task<base::Result<int>> print_url(ApiClient& api, const Console& console, UrlOptions options,
                                       std::int64_t expires_sec) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, options.id));
  WRENN_CO_TRY_ASSIGN(
      const json::object address,
      co_await address_of(api, base::concat("/v1/capsules/", id, "/ports"), options, expires_sec));
  const std::string url = string_field(address, options.path ? "path_url" : "url");
  WRENN_CO_TRY(console.out(printable(url) + "\n"));
  if (console.err_is_terminal) {
    const std::string until = string_field(address, "expires_at");
    console.say(console.err_paint.dim(
        until.empty()
            ? base::concat("public: anybody may open it; close it with `wrenn sandbox url ", id,
                           ' ', options.port, " --private`")
            : base::concat("whoever has it may open it until ", printable(until))));
  }
  co_return 0;
}

base::Result<int> run_url(Session& session, const UrlOptions& options) {
  std::int64_t expires_sec = 0;
  if (!options.expires.empty()) {
    const auto parsed = parse_seconds(options.expires);
    if (!parsed) return session.console.usage(parsed.error().message, parsed.error().remedy);
    expires_sec = *parsed;
  }
  return with_api(session, [&](ApiClient& api) {
    return print_url(api, session.console, options, expires_sec);
  });
}

std::string addresses_of(const json::object& port) {
  std::vector<std::string> texts;
  const auto* list = port.if_contains("addresses");
  if (list != nullptr && list->is_array()) {
    for (const auto& entry : list->get_array()) {
      if (const auto* text = entry.if_string()) texts.emplace_back(text->data(), text->size());
    }
  }
  return texts.empty() ? "(nothing listens)" : base::join(texts, ", ");
}

std::string ports_table(const std::vector<json::object>& ports, const Paint& paint) {
  Table table({"PORT", "LISTENS ON", "ACCESS", "URL"});
  table.align_right(0);
  for (const auto& port : ports) {
    table.add({base::concat(int_field(port, "port")), addresses_of(port),
               is_true(port, "public") ? "public" : "private", string_field(port, "url")});
  }
  return table.render(paint);
}

net::Task<base::Result<int>> print_ports(ApiClient& api, const Console& console, std::string text,
                                         Form form) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, text));
  WRENN_CO_TRY_ASSIGN(const std::string reply,
                      co_await api.call("GET", base::concat("/v1/capsules/", id, "/ports")));
  if (form == Form::kJson) {
    WRENN_CO_TRY(console.out_json(reply));
    co_return 0;
  }
  WRENN_CO_TRY_ASSIGN(const json::object object, object_of(reply));
  const auto ports = ports_of(object);
  if (ports.empty() && console.out_is_terminal) {
    console.say("Nothing listens in the sandbox, and no port is public.");
    co_return 0;
  }
  WRENN_CO_TRY(console.out(ports_table(ports, console.out_paint)));
  co_return 0;
}

void add_url(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("url", "Print an address of a port in a sandbox");
  auto options = std::make_shared<UrlOptions>();
  command->add_option("ID", options->id, "The sandbox; a beginning of its id is enough")
      ->required();
  command->add_option("PORT", options->port, "The port in the sandbox")
      ->required()
      ->check(CLI::Range(1, 65535));
  command->add_option("--expires", options->expires,
                      "How long a signed address is valid: 90s, 15m, 1h, 7d (default 1h)");
  auto* open =
      command->add_flag("--public", options->make_public, "Open the port to anybody first");
  command->add_flag("--private", options->make_private, "Close it again first")->excludes(open);
  command->add_flag("--path", options->path, "The form that needs no name below the domain");
  command->footer(
      "The address of a private port is signed: whoever has it may open it until it expires.");
  command->callback([&session, options] {
    session.action = [&session, options] { return run_url(session, *options); };
  });
}

void add_ports(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("ports", "List the ports of a sandbox");
  auto id = std::make_shared<std::string>();
  auto is_json = std::make_shared<bool>(false);
  command->add_option("ID", *id, "The sandbox; a beginning of its id is enough")->required();
  command->add_flag("--json", *is_json, "Print the API's whole answer");
  command->callback([&session, id, is_json] {
    session.action = [&session, id, is_json] {
      return with_api(session, [&](ApiClient& api) {
        return print_ports(api, session.console, *id, *is_json ? Form::kJson : Form::kText);
      });
    };
  });
}

}  // namespace

void add_port_commands(CLI::App& sandbox, Session& session) {
  add_url(sandbox, session);
  add_ports(sandbox, session);
  add_forward_command(sandbox, session);
}

}  // namespace wrenn::cli
