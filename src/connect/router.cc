#include "connect/router.h"

#include "base/strings.h"
#include "connect/error.h"
#include "connect/server_messages.h"
#include "net/scope.h"

namespace wrenn::connect {
namespace {

using base::Code;
using net::Task;

Task<base::Result<void>> refuse(net::ResponseWriter& response, Refusal refusal) {
  refusal.headers.set("Content-Type", content_type_name({Codec::kJson, CallKind::kUnary}));
  const std::string body = error_json(refusal.error);
  co_return co_await response.send(refusal.status, std::move(refusal.headers), body);
}

// What is known of a call; everything in it outlives the call.
struct Call {
  detail::Method& method;
  net::Request& request;
  CallContext& context;
  const CallHead& head;
  const base::Result<void>& terms;
  const detail::MessageLimits limits;
};

// Runs the method under the caller's deadline, if there is one, for as long as the caller stays.
Task<base::Result<void>> run(Call& call, MessageSource& source, MessageSink& sink) {
  if (!call.terms) co_return call.terms;
  auto task =
      net::stop_on_disconnect(call.request.stream(), call.method.run(call.context, source, sink));
  if (!call.head.timeout) co_return co_await std::move(task);
  call.context.deadline = base::steady_now() + *call.head.timeout;
  co_return co_await net::with_timeout(*call.head.timeout, std::move(task));
}

Task<base::Result<void>> serve_unary(Call& call, net::ResponseWriter& response) {
  detail::BareSource source(call.request, call.head, call.limits);
  detail::BareSink sink(response, call.context, call.head, call.limits);
  const auto result = co_await run(call, source, sink);
  if (result) co_return co_await sink.send();
  co_return co_await sink.send_error(result.error());
}

Task<base::Result<void>> serve_stream(Call& call, net::ResponseWriter& response) {
  detail::EnvelopeSource source(call.request, call.head, call.limits);
  detail::EnvelopeSink sink(response, call.context, call.head, call.limits);
  const auto result = co_await run(call, source, sink);
  // A server that goes down has not brought the call to its end, nor must it look so.
  const net::Context context = co_await net::current_context();
  const bool goes_down = context.stop.stop_requested();
  if (sink.broken() || (goes_down && !result && result.error().code == Code::kCanceled)) {
    response.abort();
    co_return result;
  }
  co_return co_await sink.end(result ? nullptr : &result.error());
}

// "/package.Service/Method" -> "/package.Service/".
std::string_view service_prefix(std::string_view path) {
  const std::size_t slash = path.find('/', 1);
  if (!path.starts_with('/') || slash == std::string_view::npos) return {};
  return path.substr(0, slash + 1);
}

}  // namespace

void Router::add(std::string path, std::unique_ptr<detail::Method> method) {
  methods_.emplace(std::move(path), std::move(method));
}

bool Router::owns(std::string_view path) const {
  const std::string_view prefix = service_prefix(path);
  if (prefix.empty()) return false;
  const auto method = methods_.lower_bound(prefix);
  return method != methods_.end() && method->first.starts_with(prefix);
}

Task<base::Result<void>> Router::handle(net::Request& request, net::ResponseWriter& response) {
  const auto found = methods_.find(request.path());
  if (found == methods_.end()) {
    co_return co_await refuse(
        response,
        {404, {Code::kUnimplemented, base::concat("there is no method ", request.path())}, {}});
  }
  detail::Method& method = *found->second;
  // Looked up only when it matters: a proto file's description is built at its first use.
  const bool is_unary_post = request.method() == "POST" || method.kind() != CallKind::kUnary;
  auto head = match_call(request.head(), method.kind(),
                         is_unary_post ? SideEffects::kPossible : side_effects_of(found->first));
  if (!head) co_return co_await refuse(response, std::move(head).error());
  const auto terms = read_terms(request.head(), options_.version, *head);
  CallContext context{request.headers(), {}, {}, request.stream(), std::nullopt};
  Call call{method, request, context,
            *head,  terms,   {options_.max_message_bytes, options_.min_compressed_bytes}};
  if (method.kind() == CallKind::kUnary) co_return co_await serve_unary(call, response);
  co_return co_await serve_stream(call, response);
}

}  // namespace wrenn::connect
