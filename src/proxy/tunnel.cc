#include "proxy/tunnel.h"

#include "net/scope.h"

namespace wrenn::proxy {
namespace {

using base::Result;
using net::Task;

Task<Result<void>> copy(TunnelEnd from, net::Stream& to, Traffic& traffic, Flow flow) {
  if (const std::string_view waiting = from.input.view(); !waiting.empty()) {
    traffic.on_bytes(flow, waiting.size());
    WRENN_CO_TRY(co_await to.write_all(waiting));
    from.input.consume(waiting.size());
  }
  const std::span<char> buffer = from.stream.loop().shared_buffer();
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await from.stream.read_some(buffer));
    traffic.on_bytes(flow, n);
    if (n == 0) break;
    WRENN_CO_TRY(co_await to.write_shared({buffer.data(), n}));
  }
  to.shutdown_write();
  co_return {};
}

Task<void> copy_beside(TunnelEnd from, net::Stream& to, Traffic& traffic, Flow flow,
                       Result<void>& result, net::StopSource& stop) {
  result = co_await copy(from, to, traffic, flow);
  if (!result) stop.request_stop();
}

}  // namespace

Task<Result<void>> tunnel(TunnelEnd client, TunnelEnd application, Traffic& traffic) {
  const net::Context context = co_await net::current_context();
  net::StopSource stop(context.stop);
  net::TaskScope beside(*context.loop, stop.token());
  Result<void> there;
  beside.spawn(copy_beside(client, application.stream, traffic, Flow::kIn, there, stop));
  Result<void> back;
  co_await net::with_stop(stop.token(),
                          copy_beside(application, client.stream, traffic, Flow::kOut, back, stop));
  co_await beside.join();
  // The one that failed first stopped the other.
  if (!there && there.error().code != base::Code::kCanceled) co_return there;
  if (!back && back.error().code != base::Code::kCanceled) co_return back;
  co_return there ? back : there;
}

}  // namespace wrenn::proxy
