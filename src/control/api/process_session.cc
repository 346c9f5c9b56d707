#include "control/api/process_session.h"

#include "control/api/output_messages.h"

namespace wrenn::control {
namespace {

using net::Task;

constexpr auto kPingEvery = std::chrono::seconds(30);
// For input that a client sent before it left.
constexpr auto kDrain = std::chrono::seconds(5);

}  // namespace

Task<Answer<void>> ProcessSession::run(ProcessOutput& output) {
  API_CO_TRY_ASSIGN(OutputStep first, co_await output.next());
  if (first.process) pump_.set_process(*first.process);
  API_CO_TRY(co_await forward_step(first));

  const net::Context context = co_await net::current_context();
  end_.emplace(context.stop);
  net::TaskScope scope(context);
  scope.spawn(run_receive());
  scope.spawn(run_pump());
  scope.spawn(run_pings());
  Answer<void> answer = co_await net::with_stop(end_->token(), forward(output));
  const bool client_ended = end_->stop_requested() && !context.stop.stop_requested();
  if (client_ended) {
    (void)co_await net::with_timeout(kDrain, await_pump());
    answer = client_end_;
  }
  scope.request_stop();
  co_await scope.join();
  co_return answer;
}

Task<Answer<void>> ProcessSession::forward_step(const OutputStep& step) {
  for (const std::string& message : step.messages) API_CO_TRY(co_await socket_.send(message));
  co_return {};
}

Task<Answer<void>> ProcessSession::forward(ProcessOutput& output) {
  while (true) {
    API_CO_TRY_ASSIGN(const OutputStep step, co_await output.next());
    pump_.note_reattachments(step.reattachments);
    API_CO_TRY(co_await forward_step(step));
    if (step.has_ended) co_return {};
  }
}

void ProcessSession::end_client(Answer<void> how) {
  pump_.queue().close();
  if (end_->stop_requested()) return;
  client_end_ = std::move(how);
  end_->request_stop();
}

Task<void> ProcessSession::run_receive() {
  end_client(co_await receive());
}

// Until the client has left or says stop. A full queue stops reading it.
Task<Answer<void>> ProcessSession::receive() {
  while (true) {
    auto message = co_await socket_.receive();
    if (message && !*message) co_return {};
    Answer<ClientInput> input;
    if (!message) {
      if (message.error().code == ApiCode::kClientGone) co_return std::unexpected(message.error());
      input = std::unexpected(message.error());
    } else if (kind_ == ProcessKind::kTerminal) {
      input = parse_pty_input(**message);
    } else {
      input = parse_exec_input(**message);
    }
    if (!input) {
      API_CO_TRY(co_await socket_.tell(input.error()));
      continue;
    }
    if (input->kind == ClientInput::Kind::kStop) co_return {};
    if (input->kind == ClientInput::Kind::kNone) continue;
    API_CO_TRY(client_answer(co_await pump_.queue().push(std::move(*input))));
  }
}

Task<void> ProcessSession::run_pump() {
  Answer<void> pumped = co_await pump_.run();
  while (!pumped && pumped.error().code == ApiCode::kConflict) {
    if (!co_await socket_.tell(pumped.error())) break;
    pumped = co_await pump_.run();
  }
  pump_ended_.set();
  if (!pumped) end_client(std::move(pumped));
}

Task<void> ProcessSession::run_pings() {
  while (co_await net::sleep_for(kPingEvery)) {
    if (!co_await socket_.send(ping_message())) co_return;
  }
}

Task<base::Result<void>> ProcessSession::await_pump() {
  return pump_ended_.wait();
}

}  // namespace wrenn::control
