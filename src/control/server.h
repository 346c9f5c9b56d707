// The control plane as a process: everything wired, from the start to the end.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "control/accounts/accounts.h"
#include "control/accounts/oauth_settings.h"
#include "control/encryption_key.h"
#include "control/mail/mail_settings.h"
#include "control/proxy_settings.h"
#include "db/host_capacity.h"
#include "net/metrics_server.h"
#include "net/web_client.h"

namespace wrenn::control {

struct ServerOptions {
  std::string listen = "127.0.0.1:8080";  // ":8080" means every interface.
  base::Secret database;                  // As open_and_migrate() takes it.
  // As parse_hosts() takes them.
  std::vector<std::string> agents;
  std::vector<std::string> agent_proxies;
  std::string local_proxy;
  // How long a registered host may be silent before its sandboxes count as missing.
  base::Duration host_silence = std::chrono::seconds(90);
  net::Destinations channel_destinations = net::Destinations::kPublic;
  std::chrono::days audit_retention{90};  // Of the log of changes; 0: for ever.
  db::Overcommit overcommit;              // What hosts promise to sandboxes.
  ProxyOptions proxy;
  AccountSettings accounts;
  OAuthSettings oauth;
  EncryptionKeyPlace encryption_key;
  MailSettings mail;
  base::Path mail_directory;     // Where mails go without a server.
  base::Path context_directory;  // What builds of templates are sent.
  net::MetricsListen metrics;
  int ready_fd = -1;  // Gets the line "ready" once we listen.
};

// Serves until SIGTERM or SIGINT, then gives the requests in progress a few seconds. To be called
// before any thread is started.
base::Result<void> run_server(const ServerOptions& options);

}  // namespace wrenn::control
