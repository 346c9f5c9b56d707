// GuestClient: the agent's line to envd inside one VM.
//
// Its connections are made from inside the sandbox's network namespace: they need no address on the
// host, and no translation. Unary calls, streams, input and bulk bytes have pools of their
// own. For one
// loop.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/config.h"
#include "base/secret.h"
#include "connect/client.h"
#include "net/http_client.h"
#include "proto/filesystem.pb.h"
#include "proto/ports.pb.h"
#include "proto/process.pb.h"

namespace wrenn::agent {

struct TerminalSize {
  std::uint32_t cols = 0;  // Zero here and below: 80 and 24.
  std::uint32_t rows = 0;
};

struct Command {
  std::string cmd;
  std::vector<std::string> args;
  std::map<std::string, std::string> envs;
  std::string cwd;
  std::string user;  // Empty: the default user.
  std::string tag;
  // The guest itself ends the command then, also when nobody is left to ask for it. Zero: never.
  base::Duration limit{};
  bool has_stdin = false;           // A pipe, for input(); else it is empty.
  std::optional<TerminalSize> pty;  // It gets a terminal.
};

// For a guest that runs to take on what init() brings.
inline constexpr auto kGuestTimeout = std::chrono::seconds(30);

struct GuestInit {
  std::string hostname;
  std::string sandbox_id = {};       // Empty for a guest that becomes a template.
  std::string template_id = {};      // Likewise.
  std::string default_user;          // Empty: stays as it is.
  std::string default_workdir = {};  // Likewise.
  std::map<std::string, std::string> envs;
  bool is_restored = false;  // Its connections to others are dead.
  // The token that the guest holds now, which opens it once more; absent: the client's own, or
  // none.
  std::optional<base::Secret> known_token = {};
};

// A port of every guest, as seen from inside its network namespace.
net::Endpoint guest_endpoint(std::uint16_t port);
inline net::Endpoint envd_endpoint() {
  return guest_endpoint(kEnvdPort);
}
// What opens envd; nothing for an empty token.
net::Headers envd_headers(const base::Secret& token);

class GuestClient {
 public:
  // `netns_fd` stays the caller's and must outlive the client. The token is empty until init().
  GuestClient(int netns_fd, base::Secret token);
  GuestClient(const GuestClient&) = delete;
  GuestClient& operator=(const GuestClient&) = delete;

  // The version of envd, as soon as it answers. Waits for a guest that is still starting, until the
  // caller's deadline.
  net::Task<base::Result<std::string>> wait_until_healthy();
  // Makes a restored guest right: token, clock, entropy, name, environment. Waits for the guest.
  net::Task<base::Result<void>> init(GuestInit request);

  using Events = connect::MessageStream<process::StartResponse>;
  net::Task<base::Result<Events>> start(Command command);
  using Reattached = connect::MessageStream<process::ConnectResponse>;
  // The output of a command that runs, from now on or from an offset that is still kept.
  net::Task<base::Result<Reattached>> attach(process::ProcessSelector selector,
                                             std::optional<std::uint64_t> offset);
  // Input for one command at a time, each piece behind the other.
  using Input = connect::ClientStream<process::StreamInputRequest, process::StreamInputResponse>;
  net::Task<base::Result<Input>> input();
  net::Task<base::Result<void>> close_stdin(process::ProcessSelector selector);
  net::Task<base::Result<void>> resize(process::ProcessSelector selector, TerminalSize size);
  net::Task<base::Result<void>> signal(process::ProcessSelector selector, process::Signal signal);
  net::Task<base::Result<process::ListResponse>> list_processes();

  net::Task<base::Result<filesystem::ListDirResponse>> list_dir(std::string path,
                                                                std::uint32_t depth);
  net::Task<base::Result<filesystem::MakeDirResponse>> make_dir(std::string path);
  net::Task<base::Result<filesystem::MoveResponse>> move(std::string from, std::string to);
  net::Task<base::Result<void>> remove(std::string path);

  net::Task<base::Result<ports::ListResponse>> list_ports();

  // envd's own answer, whatever its status.
  net::Task<base::Result<net::ClientResponse>> read_file(std::string_view path,
                                                         std::string_view user);
  net::Task<base::Result<net::ClientResponse>> write_file(std::string_view path,
                                                          std::string_view user,
                                                          net::ByteSource& content,
                                                          std::optional<std::uint64_t> length);

 private:
  connect::CallOptions as_user(std::string_view user) const;
  net::Headers with_token() const;
  static std::string file_target(std::string_view path, std::string_view user);

  const base::Secret token_;
  net::HttpClient unary_http_;
  net::HttpClient stream_http_;
  net::HttpClient input_http_;
  net::HttpClient bulk_http_;
  connect::Client unary_;
  connect::Client streams_;
  connect::Client inputs_;
};

}  // namespace wrenn::agent
