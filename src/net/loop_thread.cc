#include "net/loop_thread.h"

#include <pthread.h>

#include "net/sync.h"

namespace wrenn::net {
namespace {

Task<void> then_tell(std::function<Task<void>()> make, Loop& caller, Event& ended) {
  co_await make();
  caller.post([&ended] { ended.set(); });
}

}  // namespace

void LoopThread::start(const std::string& name, std::move_only_function<Task<void>()> main) {
  thread_ = std::jthread([this, name, main = std::move(main)]() mutable {
    ::pthread_setname_np(::pthread_self(), name.c_str());
    loop_.block_on(with_stop(stop_.token(), main()));
  });
}

void LoopThread::stop() {
  if (!thread_.joinable()) return;
  loop_.post([this] { stop_.request_stop(); });
  thread_.join();
}

Task<void> run_on(Loop& other, std::function<Task<void>()> make) {
  const Context context = co_await current_context();
  Event ended;
  other.post([&] { other.spawn(then_tell(std::move(make), *context.loop, ended)); });
  (void)co_await with_stop(StopToken(), ended.wait());
}

}  // namespace wrenn::net
