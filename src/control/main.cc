// wrenn-cp: the control plane.
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "control/keys_command.h"
#include "control/server.h"

namespace {

using wrenn::base::Result;
using wrenn::control::ServerOptions;

struct Flags {
  std::string wrenn_dir = "/var/lib/wrenn";
  std::string listen = "127.0.0.1:8080";
  std::string database;
  std::vector<std::string> agents;
  std::vector<std::string> agent_proxies;
  wrenn::control::ProxyOptions proxy;
  std::string log_level = "info";
  int ready_fd = -1;
  std::string key_name;
  std::string key_id;
};

enum class Command { kServe, kKeyCreate, kKeyList, kKeyRevoke };

// The default lies below the state directory, which a flag may have moved.
std::string database_path(const Flags& flags) {
  return flags.database.empty() ? flags.wrenn_dir + "/control/wrenn.db" : flags.database;
}
std::string in_run_dir(const Flags& flags, const char* socket) {
  return "unix:" + flags.wrenn_dir + "/run/" + socket;
}
std::vector<std::string> agent_addresses(const Flags& flags) {
  if (!flags.agents.empty()) return flags.agents;
  return {in_run_dir(flags, "agent.sock")};
}

Result<void> run(Command command, const Flags& flags) {
  const auto level = wrenn::base::log_level_from_name(flags.log_level);
  if (!level) return wrenn::base::fail(level.error());
  wrenn::base::log_start("wrenn-cp", *level);
  switch (command) {
    case Command::kKeyCreate:
      return wrenn::control::create_key(database_path(flags), flags.key_name);
    case Command::kKeyList:
      return wrenn::control::list_keys(database_path(flags));
    case Command::kKeyRevoke:
      return wrenn::control::revoke_key(database_path(flags), flags.key_id);
    case Command::kServe:
      break;
  }
  return wrenn::control::run_server({.listen = flags.listen,
                                     .database = database_path(flags),
                                     .agents = agent_addresses(flags),
                                     .agent_proxies = flags.agent_proxies,
                                     .local_proxy = in_run_dir(flags, "proxy.sock"),
                                     .proxy = flags.proxy,
                                     .ready_fd = flags.ready_fd});
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  Command command = Command::kServe;
  CLI::App app("The control plane of Wrenn: the REST API and its database.", "wrenn-cp");
  app.set_version_flag("--version", WRENN_VERSION);
  app.fallthrough();
  app.add_option("--dir", flags.wrenn_dir, "State directory")
      ->envname("WRENN_DIR")
      ->capture_default_str();
  app.add_option("--db", flags.database, "Database file [DIR/control/wrenn.db]");
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")
      ->envname("LOG_LEVEL")
      ->capture_default_str();
  app.add_option("--listen", flags.listen, "Address of the API")
      ->envname("WRENN_CP_LISTEN_ADDR")
      ->capture_default_str();
  // One value each, so that a subcommand may follow.
  app.add_option("--agent", flags.agents,
                 "Endpoint of a host agent [unix:DIR/run/agent.sock]; NAME=ENDPOINT for each of "
                 "several hosts")
      ->allow_extra_args(false);
  app.add_option("--proxy-listen", flags.proxy.listen, "Address of the proxy to ports of sandboxes")
      ->envname("WRENN_CP_PROXY_LISTEN_ADDR")
      ->capture_default_str();
  app.add_option("--proxy-domain", flags.proxy.domain,
                 "What the names of ports end with: PORT-ID.DOMAIN [localhost, or that of the URL]")
      ->envname("WRENN_PROXY_DOMAIN");
  app.add_option(
         "--proxy-url", flags.proxy.url,
         "How others see the proxy, e.g. https://sandboxes.example.com [http://DOMAIN:PORT]")
      ->envname("WRENN_PROXY_URL");
  app.add_option("--agent-proxy", flags.agent_proxies,
                 "Endpoint of a host agent for proxied traffic [unix:DIR/run/proxy.sock, or "
                 "proxy.sock beside the other]; NAME=ENDPOINT likewise")
      ->allow_extra_args(false);
  app.add_option("--ready-fd", flags.ready_fd,
                 "Descriptor that gets the line 'ready' once we listen");

  app.add_subcommand("serve", "Serve the API (the default)");
  auto* key = app.add_subcommand("key", "API keys");
  key->require_subcommand(1);
  auto* create = key->add_subcommand("create", "Make a key and print it: it is shown only now");
  create->add_option("--name", flags.key_name, "What it is for");
  create->callback([&] { command = Command::kKeyCreate; });
  key->add_subcommand("ls", "List the keys")->callback([&] { command = Command::kKeyList; });
  auto* revoke = key->add_subcommand("revoke", "Make a key invalid at once");
  revoke->add_option("id", flags.key_id, "Its id, from `key ls`")->required();
  revoke->callback([&] { command = Command::kKeyRevoke; });
  CLI11_PARSE(app, argc, argv);

  const auto done = run(command, flags);
  if (done) return 0;
  std::fprintf(stderr, "wrenn-cp: %s\n", done.error().to_string().c_str());
  return 1;
}
