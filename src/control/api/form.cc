#include "control/api/form.h"

#include "base/strings.h"

namespace wrenn::control {

using base::concat;
using net::Task;
using Kind = net::MultipartEvent::Kind;

Task<Answer<net::MultipartEvent>> FormReader::next() {
  while (true) {
    auto event = parser_.next();
    if (!event) co_return std::unexpected(from_client(event.error()));
    if (event->kind != Kind::kNeedInput) co_return std::move(*event);
    const auto n = co_await body_.read(buffer_);
    if (!n) co_return std::unexpected(from_client(n.error()));
    if (*n == 0) {
      co_return refuse(ApiCode::kInvalidRequest,
                       "the form ends before its closing boundary; send it whole");
    }
    read_ += *n;
    if (max_bytes_ > 0 && read_ > max_bytes_) {
      co_return refuse(ApiCode::kTooLarge,
                       concat("the body must not be larger than ", base::human_bytes(max_bytes_),
                              "; files/stream/write takes files of any size"));
    }
    parser_.feed({buffer_.data(), *n});
  }
}

Task<Answer<std::string>> FormReader::read_text(std::string_view name, std::size_t max_bytes) {
  std::string text;
  while (true) {
    API_CO_TRY_ASSIGN(const auto event, co_await next());
    if (event.kind == Kind::kPartEnd) co_return text;
    text += event.data;
    if (text.size() > max_bytes) {
      co_return refuse(ApiCode::kInvalidRequest,
                       concat(name, " must not be longer than ", max_bytes, " bytes"));
    }
  }
}

Task<base::Result<std::size_t>> PartContent::read(std::span<char> buffer) {
  if (left_.empty() && !finished_) {
    const auto event = co_await form_.next();
    if (!event) {
      mistake_ = event.error();
      // Not kUnavailable, which would mean that the receiver is gone.
      co_return base::fail(base::Code::kAborted, "the upload was cut");
    }
    left_ = event->data;
    finished_ = event->kind == Kind::kPartEnd;
  }
  const std::size_t n = left_.copy(buffer.data(), buffer.size());
  left_.remove_prefix(n);
  co_return n;
}

}  // namespace wrenn::control
