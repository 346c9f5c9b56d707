#include "bench/envd/agent.h"

#include "base/strings.h"
#include "connect/envelope.h"

namespace wrenn::bench {
namespace {

constexpr std::size_t kMaxAnswer = 64u << 20;

net::HttpClientOptions client_options() {
  net::HttpClientOptions options;
  options.head_timeout = std::chrono::minutes(2);
  // A measurement must not open connections that it has opened before.
  options.max_idle = 64;
  return options;
}

}  // namespace

base::Error refusal(int status, std::string_view body) {
  const auto code = status == 501 || body.find("unimplemented") != std::string_view::npos
                        ? base::Code::kUnimplemented
                    : status == 404 ? base::Code::kNotFound
                                    : base::Code::kUnknown;
  return {code, base::concat("the agent answered ", status, ": ", body.substr(0, 300))};
}

process::StartRequest command(std::string cmd, std::vector<std::string> args) {
  process::StartRequest request;
  request.mutable_process()->set_cmd(std::move(cmd));
  for (std::string& arg : args) request.mutable_process()->add_args(std::move(arg));
  request.set_stdin(false);
  return request;
}

Task<Result<void>> EventStream::read_more() {
  WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await response_.read(buffer_));
  if (n == 0) co_return base::fail(base::Code::kUnavailable, "the stream was cut");
  reader_.add(std::string_view(buffer_.data(), n));
  co_return {};
}

Task<Result<Event>> EventStream::next() {
  while (true) {
    if (auto event = reader_.next()) {
      output_bytes_ += event->output_bytes;
      if (event->error.empty()) co_return std::move(*event);
      co_return base::fail(refusal(200, event->error));
    }
    WRENN_CO_TRY(co_await read_more());
  }
}

Task<Result<std::int32_t>> EventStream::finish() {
  std::int32_t exit_code = -1;
  while (true) {
    WRENN_CO_TRY_ASSIGN(const Event event, co_await next());
    if (event.kind == EventKind::kEnd) exit_code = event.exit_code;
    if (event.kind == EventKind::kEndOfStream) break;
  }
  WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await response_.read(buffer_));
  if (n > 0) co_return base::fail(base::Code::kInternal, "bytes after the end of a stream");
  co_return exit_code;
}

Task<Result<void>> EventStream::until_data() {
  while (true) {
    WRENN_CO_TRY_ASSIGN(const Event event, co_await next());
    if (event.kind == EventKind::kData) co_return {};
    if (event.kind == EventKind::kEndOfStream)
      co_return base::fail(base::Code::kInternal, "the command ended before it said anything");
  }
}

Agent::Agent(net::Endpoint endpoint, std::string token)
    : client_(std::move(endpoint), client_options()), token_(std::move(token)) {}

net::ClientRequest Agent::request(std::string method, std::string target) const {
  net::ClientRequest request{.method = std::move(method), .target = std::move(target)};
  if (!token_.empty()) request.headers.set("X-Access-Token", token_);
  return request;
}

Task<Result<std::string>> Agent::http(net::ClientRequest request) {
  WRENN_CO_TRY_ASSIGN(auto response, co_await client_.send(std::move(request)));
  WRENN_CO_TRY_ASSIGN(auto body, co_await net::read_all(response, kMaxAnswer));
  const int status = response.status();
  if (status != 200 && status != 204) co_return base::fail(refusal(status, body));
  co_return body;
}

Task<Result<std::string>> Agent::unary(std::string path, const connect::Message& message,
                                       Codec codec) {
  auto call = request("POST", std::move(path));
  call.headers.set("Content-Type", connect::content_type_name({codec, connect::CallKind::kUnary}));
  call.headers.set("Connect-Protocol-Version", "1");
  WRENN_CO_TRY_ASSIGN(call.body, connect::encode(message, codec));
  co_return co_await http(std::move(call));
}

Task<Result<std::unique_ptr<EventStream>>> Agent::start(process::StartRequest message, Codec codec,
                                                        std::uint32_t* pid) {
  auto call = request("POST", "/process.Process/Start");
  call.headers.set("Content-Type", connect::content_type_name({codec, connect::CallKind::kStream}));
  call.headers.set("Connect-Protocol-Version", "1");
  WRENN_CO_TRY_ASSIGN(const std::string body, connect::encode(message, codec));
  call.body = connect::encode_envelope(0, body);
  WRENN_CO_TRY_ASSIGN(auto response, co_await client_.send(std::move(call)));
  if (response.status() != 200) {
    WRENN_CO_TRY_ASSIGN(const auto words, co_await net::read_all(response, kMaxAnswer));
    co_return base::fail(refusal(response.status(), words));
  }
  auto stream = std::make_unique<EventStream>(std::move(response), codec);
  WRENN_CO_TRY_ASSIGN(const Event event, co_await stream->next());
  if (event.kind != EventKind::kStart)
    co_return base::fail(base::Code::kInternal, "the first event is not a start event");
  if (pid != nullptr) *pid = event.pid;
  co_return stream;
}

Task<Result<void>> Agent::sh(std::string script) {
  WRENN_CO_TRY_ASSIGN(auto stream,
                      co_await start(command("/bin/sh", {"-c", script}), Codec::kProto));
  WRENN_CO_TRY_ASSIGN(const auto exit_code, co_await stream->finish());
  if (exit_code == 0) co_return {};
  co_return base::fail(base::Code::kInternal,
                       base::concat("'", script, "' ended with ", exit_code));
}

}  // namespace wrenn::bench
