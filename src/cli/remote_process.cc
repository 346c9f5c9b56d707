#include "cli/remote_process.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/files.h"
#include "base/strings.h"
#include "cli/exec_stream.h"
#include "cli/raw_terminal.h"

namespace wrenn::cli {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

// How long a lost connection is tried to be made again.
constexpr auto kGiveUp = std::chrono::minutes(2);
constexpr auto kFirstPause = std::chrono::milliseconds(200);
constexpr base::Duration kLongestPause = std::chrono::seconds(3);

}  // namespace

std::string RemoteProcess::path() const {
  return concat("/v1/capsules/", options_.sandbox_id,
                options_.has_terminal ? "/pty" : "/exec/stream");
}

std::string RemoteProcess::opening() const {
  if (!tag_.empty()) return pty_connect_message(tag_, offset_);
  if (options_.has_terminal) {
    return pty_start_message(options_.command, window_size(STDIN_FILENO));
  }
  return exec_start_message(options_.command,
                            options_.takes_input ? CommandInput::kPipe : CommandInput::kNone);
}

// A line of our own, between those of the remote terminal.
void RemoteProcess::note(std::string_view line) const {
  const bool is_raw = options_.has_terminal && options_.takes_input;
  console_.say(is_raw ? concat("\r\n", line, "\r") : std::string(line));
}

void RemoteProcess::leave(int status) {
  if (left_) return;
  left_ = status;
  leaving_->request_stop();
}

Task<Result<int>> RemoteProcess::run() {
  tag_ = options_.tag;
  WRENN_CO_TRY_ASSIGN(InputReader reader, InputReader::create(STDIN_FILENO));
  const net::Context context = co_await net::current_context();
  leaving_.emplace(context.stop);
  net::TaskScope scope(loop_, context.stop);
  scope.spawn(watch_signals());
  if (options_.takes_input) scope.spawn(read_input(&reader));
  auto status = co_await net::with_stop(leaving_->token(), follow());
  reader.stop();
  scope.request_stop();
  co_await scope.join();
  if (!left_) co_return status;
  if (options_.has_terminal && !tag_.empty()) {
    note(concat("left; it goes on, and `wrenn sandbox shell ", options_.sandbox_id, " --attach ",
                tag_, "` comes back to it"));
  }
  co_return *left_;
}

bool RemoteProcess::may_reconnect(const base::Error& error) const {
  const bool is_passing = error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded;
  return is_passing && !has_ended_ && was_connected_ && options_.has_terminal && !tag_.empty();
}

Task<Result<int>> RemoteProcess::follow() {
  base::Duration pause = kFirstPause;
  while (true) {
    auto status = co_await follow_connected(opening());
    if (status || !may_reconnect(status.error())) co_return status;
    const auto now = base::steady_now();
    if (!lost_since_) {
      lost_since_ = now;
      pause = kFirstPause;
      note("the connection is lost; trying again (~. leaves)");
    } else if (now - *lost_since_ > kGiveUp) {
      co_return status;
    }
    WRENN_CO_TRY(co_await net::sleep_for(pause));
    pause = std::min<base::Duration>(pause * 2, kLongestPause);
  }
}

Task<Result<int>> RemoteProcess::follow_connected(std::string opening) {
  WRENN_CO_TRY_ASSIGN(const auto socket, co_await api_.open_socket(path()));
  WRENN_CO_TRY(co_await (*socket)->send(net::Opcode::kText, opening));
  const net::Context context = co_await net::current_context();
  net::TaskScope sending(loop_, context.stop);
  sending.spawn(send_all(&**socket));
  auto status = co_await receive_all(**socket);
  sending.request_stop();
  co_await sending.join();
  const bool is_gone = !status && status.error().code == Code::kUnavailable;
  if (!is_gone) co_await (*socket)->close(net::CloseCode::kNormal, "");
  co_return status;
}

Task<Result<int>> RemoteProcess::receive_all(net::WebSocket& socket) {
  while (true) {
    WRENN_CO_TRY_ASSIGN(const net::WebSocketMessage received, co_await socket.receive());
    if (received.kind == net::Opcode::kClose) {
      co_return base::fail(Code::kUnavailable, "the API closed the connection",
                           "try again; `wrenn sandbox info` says how the sandbox is");
    }
    WRENN_CO_TRY_ASSIGN(ProcessMessage message, parse_process_message(received.data));
    WRENN_CO_TRY_ASSIGN(const std::optional<int> status, co_await on_message(std::move(message)));
    if (status) co_return *status;
  }
}

// The exit status, once there is one.
Task<Result<std::optional<int>>> RemoteProcess::on_message(ProcessMessage message) {
  using Kind = ProcessMessage::Kind;
  switch (message.kind) {
    case Kind::kStarted:
      if (lost_since_) note("connected again");
      lost_since_.reset();
      was_connected_ = true;
      if (!message.tag.empty()) tag_ = message.tag;
      offset_ = message.offset;
      break;
    case Kind::kStdout:
    case Kind::kStderr:
      offset_ = message.offset + message.data.size();
      WRENN_CO_TRY(co_await write(message.kind == Kind::kStdout ? STDOUT_FILENO : STDERR_FILENO,
                                  std::move(message.data)));
      break;
    case Kind::kExit:
      has_ended_ = true;
      if (!message.error.message.empty()) note(message.error.message);
      co_return exit_status_of(message.exit_code);
    case Kind::kError:
      if (!message.is_fatal) {
        note(concat("the API says: ", message.error.message));
        break;
      }
      co_return base::fail(std::move(message.error));
    case Kind::kOther:
      break;
  }
  co_return std::optional<int>();
}

// On a thread: who reads our output may be slow, and the connection must live on.
Task<Result<void>> RemoteProcess::write(int fd, std::string bytes) {
  return writer_.run(
      [fd, owned = std::move(bytes)]() -> Result<void> { return base::write_all(fd, owned); });
}

Task<void> RemoteProcess::send_all(net::WebSocket* socket) {
  while (true) {
    if (!unsent_) {
      auto next = co_await outgoing_.receive();
      if (!next || !*next) co_return;
      unsent_ = std::move(**next);
    }
    if (!co_await socket->send(net::Opcode::kText, *unsent_)) co_return;
    unsent_.reset();
  }
}

Task<void> RemoteProcess::read_input(InputReader* reader) {
  const std::string_view type = options_.has_terminal ? "input" : "stdin";
  while (true) {
    const auto bytes = co_await reader->read();
    if (!bytes) co_return;
    if (bytes->empty() && options_.has_terminal) co_return leave(128 + SIGHUP);
    if (bytes->empty()) {
      (void)co_await outgoing_.send(stdin_close_message());
      co_return;
    }
    EscapeFilter::Typed typed{.bytes = *bytes, .leaves = false};
    if (options_.has_terminal) typed = escape_.feed(*bytes);
    if (!typed.bytes.empty() && !co_await outgoing_.send(input_message(type, typed.bytes))) {
      co_return;
    }
    if (typed.leaves) co_return leave(0);
  }
}

Task<void> RemoteProcess::watch_signals() {
  while (true) {
    const auto signal = co_await signals_.next();
    if (!signal) co_return;
    if (*signal != SIGWINCH) co_return leave(128 + *signal);
    if (!options_.has_terminal) continue;
    if (!co_await outgoing_.send(resize_message(window_size(STDIN_FILENO)))) co_return;
  }
}

}  // namespace wrenn::cli
