#include "control/api/exec_sink.h"

#include <algorithm>

#include "base/log.h"

namespace wrenn::control {

using net::Task;

Task<Answer<void>> CollectSink::on_start(std::uint32_t) {
  co_return {};
}

Task<Answer<void>> CollectSink::on_output(OutputKind kind, std::string_view bytes) {
  std::string& kept = kind == OutputKind::kStdout ? outcome_.stdout_bytes : outcome_.stderr_bytes;
  const std::size_t room = kMaxCollected - kept.size();
  if (bytes.size() > room) outcome_.truncated = true;
  kept.append(bytes.substr(0, room));
  co_return {};
}

Task<Answer<void>> CollectSink::on_end(int exit_code, std::string_view error) {
  outcome_.exit_code = exit_code;
  outcome_.error = error;
  outcome_.duration_ms = base::to_ms(base::steady_now() - began_);
  co_return co_await call_.send_json(200, exec_json(call_.param(0), cmd_, std::move(outcome_)));
}

Task<Answer<void>> LineSink::send(std::string line) {
  if (!call_.response().started()) {
    API_CO_TRY(
        client_answer(co_await call_.response().start(200, call_.headers("application/x-ndjson"))));
  }
  co_return client_answer(co_await call_.response().write(line));
}

Task<Answer<void>> LineSink::on_start(std::uint32_t pid) {
  return send(start_line(pid));
}

Task<Answer<void>> LineSink::on_output(OutputKind kind, std::string_view bytes) {
  return send(data_line(kind == OutputKind::kStdout ? "stdout" : "stderr", bytes));
}

Task<Answer<void>> LineSink::on_end(int exit_code, std::string_view error) {
  const std::int64_t duration_ms = base::to_ms(base::steady_now() - began_);
  API_CO_TRY(co_await send(exit_line(exit_code, duration_ms, error)));
  co_return client_answer(co_await call_.response().finish());
}

Task<Answer<void>> LineSink::on_error(ApiError error) {
  if (!error.detail.empty()) {
    base::log_warn("a command's output ends",
                   {{"request", call_.request_id()}, {"error", for_log(error)}});
  }
  API_CO_TRY(co_await send(error_line(wire_name(error.code), error.message)));
  co_return client_answer(co_await call_.response().finish());
}

}  // namespace wrenn::control
