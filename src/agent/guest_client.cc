#include "agent/guest_client.h"

#include "agent/config.h"
#include "base/crypto.h"
#include "base/strings.h"
#include "connect/codec.h"
#include "hostnet/address.h"
#include "net/scope.h"
#include "proto/envd.pb.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::Result;

constexpr std::string_view kTokenHeader = "X-Access-Token";
constexpr std::size_t kMaxSmallBody = 64 * 1024;
constexpr std::size_t kEntropyBytes = 64;

// As long as a command likes to leave its input unread: kAtItsPleasure.
enum class Answer { kSoon, kMayTakeLong, kAtItsPleasure };

net::HttpClientOptions http_options(int netns_fd, Answer answer) {
  net::HttpClientOptions options;
  options.netns_fd = netns_fd;
  if (answer == Answer::kMayTakeLong) options.head_timeout = std::chrono::minutes(10);
  if (answer == Answer::kAtItsPleasure) options.head_timeout = std::chrono::days(365);
  return options;
}

connect::ClientOptions connect_options(const base::Secret& token) {
  constexpr std::size_t kMaxMessage = 16u << 20;
  return {.max_message_bytes = kMaxMessage, .headers = envd_headers(token)};
}

process::PTY to_pty(TerminalSize size) {
  process::PTY pty;
  pty.mutable_size()->set_cols(size.cols);
  pty.mutable_size()->set_rows(size.rows);
  return pty;
}

Result<void> expect_status(const net::ClientResponse& response, int expected,
                           std::string_view what) {
  if (response.status() == expected) return {};
  return base::fail(Code::kInternal,
                    base::concat("the guest answered ", what, " with status ", response.status()));
}

}  // namespace

net::Endpoint guest_endpoint(std::uint16_t port) {
  // A constant address: it cannot fail to parse.
  return *net::Endpoint::tcp(hostnet::kGuestAddress.to_string(), port);
}

net::Headers envd_headers(const base::Secret& token) {
  if (token.empty()) return {};
  return net::Headers().with(kTokenHeader, token.reveal());
}

GuestClient::GuestClient(int netns_fd, base::Secret token)
    : token_(std::move(token)),
      unary_http_(envd_endpoint(), http_options(netns_fd, Answer::kSoon)),
      stream_http_(envd_endpoint(), http_options(netns_fd, Answer::kSoon)),
      input_http_(envd_endpoint(), http_options(netns_fd, Answer::kAtItsPleasure)),
      bulk_http_(envd_endpoint(), http_options(netns_fd, Answer::kMayTakeLong)),
      unary_(unary_http_, connect_options(token_)),
      streams_(stream_http_, connect_options(token_)),
      inputs_(input_http_, connect_options(token_)) {}

net::Headers GuestClient::with_token() const {
  return envd_headers(token_);
}

connect::CallOptions GuestClient::as_user(std::string_view user) const {
  connect::CallOptions options;
  if (!user.empty()) {
    options.headers.set("Authorization",
                        base::concat("Basic ", base::to_base64(base::concat(user, ':'))));
  }
  return options;
}

net::Task<Result<std::string>> GuestClient::wait_until_healthy() {
  constexpr auto kAttempt = std::chrono::seconds(2);
  constexpr auto kPause = std::chrono::milliseconds(50);
  while (true) {
    auto response = co_await net::with_timeout(kAttempt, unary_http_.send({.target = "/health"}));
    if (response && response->status() == 200) {
      WRENN_CO_TRY_ASSIGN(const std::string body, co_await net::read_all(*response, kMaxSmallBody));
      envd::HealthResponse health;
      WRENN_CO_TRY(connect::decode(body, connect::Codec::kJson, health));
      co_return health.version();
    }
    WRENN_CO_TRY(co_await net::sleep_for(kPause));
  }
}

net::Task<Result<void>> GuestClient::init(GuestInit request) {
  envd::InitRequest message;
  message.set_access_token(std::string(token_.reveal()));
  message.mutable_timestamp()->set_number_value(static_cast<double>(base::unix_ms_now()) / 1000);
  message.set_hostname(std::move(request.hostname));
  message.set_sandbox_id(std::move(request.sandbox_id));
  message.set_template_id(std::move(request.template_id));
  message.set_entropy(base::random_bytes(kEntropyBytes));
  message.set_default_user(std::move(request.default_user));
  message.set_default_workdir(std::move(request.default_workdir));
  message.set_restored(request.is_restored);
  for (auto& [name, value] : request.envs) (*message.mutable_env_vars())[name] = std::move(value);
  WRENN_CO_TRY_ASSIGN(std::string body, connect::encode(message, connect::Codec::kProto));
  net::ClientRequest init{
      .method = "POST",
      .target = "/init",
      .headers = envd_headers(request.known_token ? *request.known_token : token_),
      .body = std::move(body)};
  init.headers.set("Content-Type", "application/proto");
  WRENN_CO_TRY_ASSIGN(auto response, co_await unary_http_.send(std::move(init)));
  WRENN_CO_TRY(expect_status(response, 204, "its set-up"));
  co_return {};
}

net::Task<Result<GuestClient::Events>> GuestClient::start(Command command) {
  process::StartRequest request;
  auto& config = *request.mutable_process();
  config.set_cmd(command.cmd);
  for (auto& arg : command.args) config.add_args(std::move(arg));
  for (auto& [name, value] : command.envs) (*config.mutable_envs())[name] = value;
  if (!command.cwd.empty()) config.set_cwd(command.cwd);
  if (!command.tag.empty()) request.set_tag(command.tag);
  request.set_stdin(command.has_stdin);
  if (command.pty) *request.mutable_pty() = to_pty(*command.pty);
  connect::CallOptions options = as_user(command.user);
  options.timeout = command.limit;
  return streams_.stream<process::StartResponse>("/process.Process/Start", request,
                                                 std::move(options));
}

net::Task<Result<GuestClient::Reattached>> GuestClient::attach(
    process::ProcessSelector selector, std::optional<std::uint64_t> offset) {
  process::ConnectRequest request;
  *request.mutable_process() = std::move(selector);
  if (offset) request.set_output_offset(*offset);
  return streams_.stream<process::ConnectResponse>("/process.Process/Connect", request);
}

net::Task<Result<GuestClient::Input>> GuestClient::input() {
  return inputs_.client_stream<process::StreamInputRequest, process::StreamInputResponse>(
      "/process.Process/StreamInput");
}

net::Task<Result<void>> GuestClient::close_stdin(process::ProcessSelector selector) {
  process::CloseStdinRequest request;
  *request.mutable_process() = std::move(selector);
  WRENN_CO_TRY(
      co_await unary_.unary<process::CloseStdinResponse>("/process.Process/CloseStdin", request));
  co_return {};
}

net::Task<Result<void>> GuestClient::resize(process::ProcessSelector selector, TerminalSize size) {
  process::UpdateRequest request;
  *request.mutable_process() = std::move(selector);
  *request.mutable_pty() = to_pty(size);
  WRENN_CO_TRY(co_await unary_.unary<process::UpdateResponse>("/process.Process/Update", request));
  co_return {};
}

net::Task<Result<void>> GuestClient::signal(process::ProcessSelector selector,
                                            process::Signal signal) {
  process::SendSignalRequest request;
  *request.mutable_process() = std::move(selector);
  request.set_signal(signal);
  WRENN_CO_TRY(
      co_await unary_.unary<process::SendSignalResponse>("/process.Process/SendSignal", request));
  co_return {};
}

net::Task<Result<process::ListResponse>> GuestClient::list_processes() {
  return unary_.unary<process::ListResponse>("/process.Process/List", process::ListRequest());
}

net::Task<Result<filesystem::ListDirResponse>> GuestClient::list_dir(std::string path,
                                                                     std::uint32_t depth) {
  filesystem::ListDirRequest request;
  request.set_path(std::move(path));
  request.set_depth(depth);
  return unary_.unary<filesystem::ListDirResponse>("/filesystem.Filesystem/ListDir", request);
}

net::Task<Result<filesystem::MakeDirResponse>> GuestClient::make_dir(std::string path) {
  filesystem::MakeDirRequest request;
  request.set_path(std::move(path));
  return unary_.unary<filesystem::MakeDirResponse>("/filesystem.Filesystem/MakeDir", request);
}

net::Task<Result<filesystem::MoveResponse>> GuestClient::move(std::string from, std::string to) {
  filesystem::MoveRequest request;
  request.set_source(std::move(from));
  request.set_destination(std::move(to));
  return unary_.unary<filesystem::MoveResponse>("/filesystem.Filesystem/Move", request);
}

net::Task<Result<void>> GuestClient::remove(std::string path) {
  filesystem::RemoveRequest request;
  request.set_path(std::move(path));
  WRENN_CO_TRY(
      co_await unary_.unary<filesystem::RemoveResponse>("/filesystem.Filesystem/Remove", request));
  co_return {};
}

net::Task<Result<ports::ListResponse>> GuestClient::list_ports() {
  return unary_.unary<ports::ListResponse>("/ports.Ports/List", ports::ListRequest());
}

std::string GuestClient::file_target(std::string_view path, std::string_view user) {
  std::string target = base::concat("/files?path=", base::percent_encode(path));
  if (!user.empty()) target += base::concat("&username=", base::percent_encode(user));
  return target;
}

net::Task<Result<net::ClientResponse>> GuestClient::read_file(std::string_view path,
                                                              std::string_view user) {
  return bulk_http_.send({.target = file_target(path, user), .headers = with_token()});
}

net::Task<Result<net::ClientResponse>> GuestClient::write_file(
    std::string_view path, std::string_view user, net::ByteSource& content,
    std::optional<std::uint64_t> length) {
  net::ClientRequest request{.method = "POST",
                             .target = file_target(path, user),
                             .headers = with_token(),
                             .stream = &content,
                             .stream_length = length};
  request.headers.set("Content-Type", "application/octet-stream");
  return bulk_http_.send(std::move(request));
}

}  // namespace wrenn::agent
