#include "vm/firecracker/api.h"

#include "base/strings.h"
#include "net/http_client.h"
#include "net/scope.h"
#include "vm/firecracker/reply.h"
#include "vm/vm_socket.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::concat;
using base::Result;

Result<std::string> judge(const ApiCall& call, int status, std::string body) {
  constexpr int kOk = 200;
  constexpr int kNoContent = 204;
  if (status == kOk || status == kNoContent) return body;
  const std::string what =
      concat("Firecracker refused ", call.method, ' ', call.path, ": ", fault_in(body));
  constexpr int kFirstRefusal = 400;
  constexpr int kLastRefusal = 599;
  if (status < kFirstRefusal || status > kLastRefusal) {
    return base::fail(Code::kInternal, concat("Firecracker answered ", call.method, ' ', call.path,
                                              " with ", status));
  }
  return base::fail(Code::kFailedPrecondition, what);
}

// Of errors of the HTTP client: what it cannot read is no HTTP, however it puts that.
base::Error with_plain_code(base::Error error) {
  const bool is_unreadable = error.code == Code::kInvalidArgument ||
                             error.code == Code::kUnimplemented || error.code == Code::kOutOfRange;
  if (is_unreadable) error.code = Code::kInternal;
  return error;
}

net::Task<Result<std::string>> ask_now(ApiOptions options, ApiCall call, base::Duration deadline) {
  WRENN_CO_TRY_ASSIGN(const VmSocket socket, socket_of(options.directory, kApiSocket, options.uid));
  net::HttpClient client(
      socket.endpoint, {.head = {}, .head_timeout = deadline, .max_idle = 0, .security = nullptr});
  net::ClientRequest request;
  request.method = call.method;
  request.target = call.path;
  request.body = call.body;
  if (!call.body.empty()) request.headers.add("Content-Type", "application/json");
  auto response = co_await client.send(std::move(request));
  if (!response) co_return base::fail(with_plain_code(std::move(response).error()));
  const int status = response->status();
  auto body = co_await net::read_all(*response, kMaxReplyBytes);
  if (!body) co_return base::fail(with_plain_code(std::move(body).error()));
  co_return judge(call, status, *std::move(body));
}

}  // namespace

net::Task<Result<std::string>> ask(ApiOptions options, ApiCall call, base::Duration deadline) {
  const std::string what = concat(call.method, ' ', call.path, " of Firecracker");
  auto answer =
      co_await net::with_timeout(deadline, ask_now(std::move(options), std::move(call), deadline));
  if (!answer && answer.error().code != Code::kFailedPrecondition) {
    co_return base::fail(std::move(answer).error().with_context(what));
  }
  co_return answer;
}

}  // namespace wrenn::vm::firecracker
