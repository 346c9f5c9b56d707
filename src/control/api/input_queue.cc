#include "control/api/input_queue.h"

namespace wrenn::control {

using net::Task;
using net::Woken;
using Kind = ClientInput::Kind;

Task<base::Result<void>> InputQueue::push(ClientInput input) {
  while (!closed_ && is_full()) {
    if (co_await senders_.wait() == Woken::kStopped) co_return base::fail(net::stopped_error());
  }
  if (closed_) co_return base::fail(base::Code::kUnavailable, "nobody takes input any more");
  bytes_ += input.data.size();
  inputs_.push_back(std::move(input));
  receivers_.wake_one();
  co_return {};
}

ClientInput InputQueue::take_front() {
  ClientInput input = std::move(inputs_.front());
  inputs_.pop_front();
  bytes_ -= input.data.size();
  return input;
}

Task<base::Result<std::optional<ClientInput>>> InputQueue::pop() {
  while (inputs_.empty() && !closed_) {
    if (co_await receivers_.wait() == Woken::kStopped) co_return base::fail(net::stopped_error());
  }
  if (inputs_.empty()) co_return std::optional<ClientInput>();
  ClientInput input = take_front();
  while (input.kind == Kind::kData && !inputs_.empty() && inputs_.front().kind == Kind::kData &&
         input.data.size() + inputs_.front().data.size() <= kMergeBytes) {
    input.data += take_front().data;
  }
  senders_.wake_all();
  co_return std::optional<ClientInput>(std::move(input));
}

void InputQueue::close() {
  closed_ = true;
  senders_.wake_all();
  receivers_.wake_all();
}

}  // namespace wrenn::control
