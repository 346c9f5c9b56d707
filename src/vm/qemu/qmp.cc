#include "vm/qemu/qmp.h"

#include <array>

#include <boost/json.hpp>

#include "base/strings.h"
#include "vm/qemu/command.h"
#include "vm/vm_socket.h"

namespace wrenn::vm {
namespace {

using base::Code;
namespace json = boost::json;

constexpr std::size_t kMaxLine = 1 << 20;

base::Result<json::object> parse_object(std::string_view line) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(line.data(), line.size()), error);
  if (error || !value.is_object()) {
    return base::fail(Code::kInternal, "QEMU sent something that is not QMP");
  }
  return std::move(value.as_object());
}

}  // namespace

base::Result<base::Fd> listen_for_qmp(const base::Path& vm_directory) {
  return listen_in(vm_directory, kQmpSocket);
}

net::Task<base::Result<std::unique_ptr<Qmp>>> Qmp::connect(base::Path vm_directory) {
  WRENN_CO_TRY_ASSIGN(const VmSocket address, socket_in(vm_directory, kQmpSocket));
  const net::Endpoint& endpoint = address.endpoint;
  WRENN_CO_TRY_ASSIGN(auto stream, co_await net::connect(endpoint));
  std::unique_ptr<Qmp> qmp(new Qmp(std::move(stream)));
  WRENN_CO_TRY(co_await qmp->read_line());  // The greeting.
  WRENN_CO_TRY(co_await qmp->execute("qmp_capabilities"));
  co_return qmp;
}

net::Task<base::Result<std::string>> Qmp::execute(std::string command, std::string arguments) {
  std::string request = base::concat(R"({"execute":")", command, '"');
  if (!arguments.empty()) request += base::concat(R"(,"arguments":)", arguments);
  request += "}\n";
  WRENN_CO_TRY(co_await stream_->write_all(request));
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::string line, co_await read_line());
    WRENN_CO_TRY_ASSIGN(const json::object reply, parse_object(line));
    if (const auto* value = reply.if_contains("return")) co_return json::serialize(*value);
    if (const auto* failure = reply.if_contains("error")) {
      co_return base::fail(Code::kFailedPrecondition,
                           base::concat("QEMU refused ", command, ": ",
                                        std::string_view(json::serialize(*failure))));
    }
    // Events come at any time; there is one that somebody may be waiting for.
    const auto* event = reply.if_contains("event");
    if (event != nullptr && *event == "RESUME") has_resumed_ = true;
  }
}

net::Task<base::Result<void>> Qmp::wait_until_running() {
  WRENN_CO_TRY_ASSIGN(std::string reply, co_await execute("query-status"));
  WRENN_CO_TRY_ASSIGN(const json::object status, parse_object(reply));
  const auto* running = status.if_contains("running");
  if (running != nullptr && *running == true) co_return {};
  while (!has_resumed_) {
    WRENN_CO_TRY_ASSIGN(const std::string line, co_await read_line());
    WRENN_CO_TRY_ASSIGN(const json::object message, parse_object(line));
    if (const auto* event = message.if_contains("event")) has_resumed_ = *event == "RESUME";
  }
  co_return {};
}

net::Task<base::Result<std::string>> Qmp::read_line() {
  std::array<char, 4096> buffer;
  while (true) {
    if (const auto end = received_.find('\n'); end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      co_return line;
    }
    if (received_.size() > kMaxLine) co_return base::fail(Code::kInternal, "QEMU talks too much");
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await stream_->read_some(buffer));
    if (n == 0) co_return base::fail(Code::kUnavailable, "QEMU closed its control socket");
    received_.append(buffer.data(), n);
  }
}

}  // namespace wrenn::vm
