// wrenn-cp: the control plane.
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "control/backup_command.h"
#include "control/keys_command.h"
#include "control/mail/mail_command.h"
#include "control/server.h"
#include "control/users_command.h"

namespace {

using wrenn::base::Result;
using wrenn::control::ServerOptions;

struct Flags {
  std::string wrenn_dir = "/var/lib/wrenn";
  std::string listen = "127.0.0.1:8080";
  std::string database;
  std::vector<std::string> agents;
  std::vector<std::string> agent_proxies;
  int host_silence_sec = 90;
  int audit_retention_days = 90;
  bool allows_private_channels = false;
  wrenn::db::Overcommit overcommit;
  wrenn::control::ProxyOptions proxy;
  std::string log_level = "info";
  std::string log_format = "text";
  int ready_fd = -1;
  std::string key_name;
  std::string key_id;
  wrenn::control::UserRequest user;
  std::string signup = "invited";
  wrenn::control::AccountSettings accounts{.public_url = {}};
  std::string mail_to;
  std::string metrics_listen;
  std::string backup_file;
  bool is_key_waived = false;
  bool replaces_database = false;
};

enum class Command {
  kServe,
  kKeyCreate,
  kKeyList,
  kKeyRevoke,
  kUserCreate,
  kUserReset,
  kUserList,
  kMailTest,
  kBackup,
  kRestore
};

// The default lies below the state directory, which a flag may have moved.
wrenn::base::Secret database_address(const Flags& flags) {
  return wrenn::base::Secret(flags.database.empty() ? flags.wrenn_dir + "/control/wrenn.db"
                                                    : flags.database);
}
std::string mail_directory(const Flags& flags) {
  return flags.wrenn_dir + "/control/mail";
}
std::string context_directory(const Flags& flags) {
  return flags.wrenn_dir + "/control/contexts";
}
std::string in_run_dir(const Flags& flags, const char* socket) {
  return "unix:" + flags.wrenn_dir + "/run/" + socket;
}
std::vector<std::string> agent_addresses(const Flags& flags) {
  if (!flags.agents.empty()) return flags.agents;
  return {in_run_dir(flags, "agent.sock")};
}

// Links in mails lead to where the API listens, unless it is said how others see it.
wrenn::control::AccountSettings account_settings(const Flags& flags) {
  auto settings = flags.accounts;
  settings.is_signup_open = flags.signup == "open";
  if (settings.public_url.empty()) settings.public_url = "http://" + flags.listen;
  while (settings.public_url.ends_with('/')) settings.public_url.pop_back();
  return settings;
}

wrenn::control::BackupRequest backup_request(const Flags& flags) {
  using wrenn::control::KeyDemand;
  return {.database = database_address(flags),
          .key = wrenn::control::encryption_key_place(flags.wrenn_dir),
          .file = flags.backup_file,
          .key_demand = flags.is_key_waived ? KeyDemand::kWaived : KeyDemand::kNeeded,
          .replaces = flags.replaces_database};
}

Result<void> run(Command command, const Flags& flags) {
  WRENN_TRY(wrenn::base::log_start("wrenn-cp", flags.log_level, flags.log_format));
  switch (command) {
    case Command::kKeyCreate:
      return wrenn::control::create_key(database_address(flags), flags.key_name);
    case Command::kKeyList:
      return wrenn::control::list_keys(database_address(flags));
    case Command::kKeyRevoke:
      return wrenn::control::revoke_key(database_address(flags), flags.key_id);
    case Command::kUserCreate:
      return wrenn::control::create_user(database_address(flags), flags.user);
    case Command::kUserReset:
      return wrenn::control::reset_user(database_address(flags), flags.user.email);
    case Command::kUserList:
      return wrenn::control::list_users(database_address(flags));
    case Command::kMailTest:
      return wrenn::control::send_test_mail(mail_directory(flags), flags.mail_to);
    case Command::kBackup:
      return wrenn::control::back_up(backup_request(flags));
    case Command::kRestore:
      return wrenn::control::restore(backup_request(flags));
    case Command::kServe:
      break;
  }
  WRENN_TRY_ASSIGN(auto mail, wrenn::control::mail_settings_of_environment());
  WRENN_TRY_ASSIGN(auto oauth,
                   wrenn::control::oauth_settings_of_environment(flags.accounts.public_url));
  return wrenn::control::run_server(
      {.listen = flags.listen,
       .database = database_address(flags),
       .agents = agent_addresses(flags),
       .agent_proxies = flags.agent_proxies,
       .local_proxy = in_run_dir(flags, "proxy.sock"),
       .host_silence = std::chrono::seconds(flags.host_silence_sec),
       .channel_destinations = flags.allows_private_channels ? wrenn::net::Destinations::kAny
                                                             : wrenn::net::Destinations::kPublic,
       .audit_retention = std::chrono::days(flags.audit_retention_days),
       .overcommit = flags.overcommit,
       .proxy = flags.proxy,
       .accounts = account_settings(flags),
       .oauth = std::move(oauth),
       .encryption_key = wrenn::control::encryption_key_place(flags.wrenn_dir),
       .mail = std::move(mail),
       .mail_directory = mail_directory(flags),
       .context_directory = context_directory(flags),
       .metrics = wrenn::net::metrics_listen(flags.metrics_listen),
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
  app.add_option("--db", flags.database,
                 "Database: a file [DIR/control/wrenn.db], or postgres://... of PostgreSQL, which "
                 "is better given as WRENN_DATABASE_URL, since everybody sees arguments")
      ->envname("WRENN_DATABASE_URL");
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")
      ->envname("LOG_LEVEL")
      ->capture_default_str();
  app.add_option("--log-format", flags.log_format, "text, or json: one object a line")
      ->envname("LOG_FORMAT")
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
  app.add_option("--host-silence", flags.host_silence_sec,
                 "Seconds for which a registered host may be silent before it counts as "
                 "unreachable, and its sandboxes as missing")
      ->envname("WRENN_HOST_SILENCE")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_flag("--channels-allow-private", flags.allows_private_channels,
               "Channels may lead to addresses that are not public, and need no https")
      ->envname("WRENN_CHANNELS_ALLOW_PRIVATE");
  app.add_option("--audit-retention-days", flags.audit_retention_days,
                 "Days for which entries of the log of changes are kept; 0: for ever")
      ->envname("WRENN_AUDIT_RETENTION_DAYS")
      ->check(CLI::Range(0, 36'500))
      ->capture_default_str();
  const auto times = CLI::Range(1, 1'000'000);
  app.add_option("--cpu-overcommit", flags.overcommit.vcpus,
                 "vCPUs that a host may promise to sandboxes for each of its cores")
      ->envname("WRENN_CPU_OVERCOMMIT")
      ->check(times)
      ->capture_default_str();
  app.add_option("--memory-overcommit", flags.overcommit.memory,
                 "How many times a host may promise its memory to sandboxes")
      ->envname("WRENN_MEMORY_OVERCOMMIT")
      ->check(times)
      ->capture_default_str();
  app.add_option("--disk-overcommit", flags.overcommit.disk,
                 "How many times a host may promise its disk to sandboxes")
      ->envname("WRENN_DISK_OVERCOMMIT")
      ->check(times)
      ->capture_default_str();
  app.add_option("--public-url", flags.accounts.public_url,
                 "How others see this address, e.g. https://wrenn.example.com: what links in mails "
                 "begin with [http://LISTEN]")
      ->envname("WRENN_PUBLIC_URL");
  app.add_option("--signup", flags.signup, "Who may sign up: invited, or open for everybody")
      ->envname("WRENN_SIGNUP")
      ->check(CLI::IsMember({"invited", "open"}))
      ->capture_default_str();
  app.add_option("--metrics-listen", flags.metrics_listen,
                 "Address of GET /metrics for Prometheus, e.g. 127.0.0.1:9180 [none]; one that "
                 "others reach needs WRENN_METRICS_TOKEN")
      ->envname("WRENN_CP_METRICS_LISTEN_ADDR");
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
  auto* user = app.add_subcommand("user", "Users");
  user->require_subcommand(1);
  auto* made = user->add_subcommand("create", "Make a user and print the password");
  made->add_option("email", flags.user.email, "Their address")->required();
  made->add_option("--name", flags.user.name, "What they are called [the address]");
  made->add_flag("--if-first", flags.user.is_only_first, "Only when there is no user yet");
  made->callback([&] { command = Command::kUserCreate; });
  auto* reset = user->add_subcommand("password", "Give a user a new password and print it");
  reset->add_option("email", flags.user.email, "Their address")->required();
  reset->callback([&] { command = Command::kUserReset; });
  user->add_subcommand("ls", "List the users")->callback([&] { command = Command::kUserList; });
  auto* mail = app.add_subcommand("mail", "Mail, as the variables SMTP_... say");
  mail->require_subcommand(1);
  auto* test = mail->add_subcommand("test", "Send a mail now, and say what became of it");
  test->add_option("address", flags.mail_to, "To whom")->required();
  test->callback([&] { command = Command::kMailTest; });
  auto* backup = app.add_subcommand(
      "backup",
      "Copy the database (SQLite) into a file while it is in use; not its encryption key");
  backup->add_option("file", flags.backup_file, "A new file; - for standard output")->required();
  backup->add_flag("--without-key", flags.is_key_waived, "Even where the key is missing");
  backup->callback([&] { command = Command::kBackup; });
  auto* restore = app.add_subcommand(
      "restore", "Make a copy the database again, while no control plane runs on it");
  restore->add_option("file", flags.backup_file, "What backup made; - for standard input")
      ->required();
  restore->add_flag("--force", flags.replaces_database,
                    "Even where there is a database, which is kept under another name");
  restore->add_flag("--without-key", flags.is_key_waived,
                    "Even where its encryption key is missing: what is sealed is lost then");
  restore->callback([&] { command = Command::kRestore; });
  CLI11_PARSE(app, argc, argv);

  const auto done = run(command, flags);
  if (done) return 0;
  std::fprintf(stderr, "wrenn-cp: %s\n", done.error().to_string().c_str());
  return 1;
}
