#include "net/http_connection.h"

#include <array>
#include <charconv>

#include "net/scope.h"

namespace wrenn::net {
namespace {

constexpr std::size_t kReadSize = 16 * 1024;
// What a connection may keep to itself while nothing of it is in use.
constexpr std::size_t kKeptSize = 2 * 1024;
// Below, the pipe costs more than the copying.
constexpr std::uint64_t kWorthSplicing = 512 * 1024;

base::Error truncated_error() {
  return {base::Code::kUnavailable, "the connection ended in the middle of a message"};
}

}  // namespace

Task<base::Result<std::string>> read_all(ByteSource& source, std::size_t limit) {
  std::string content;
  std::array<char, kReadSize> buffer;
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await source.read(buffer));
    if (n == 0) co_return content;
    if (content.size() + n > limit) {
      co_return base::fail(base::Code::kResourceExhausted,
                           base::concat("the body is larger than ", base::human_bytes(limit)));
    }
    content.append(buffer.data(), n);
  }
}

void append_chunk_size(std::string& out, std::size_t size) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  out.append(digits.data(), end);
  out += "\r\n";
}

void InputBuffer::consume(std::size_t n) {
  used_ += n;
  scanned_ = 0;
  if (used_ != bytes_.size()) return;
  if (bytes_.capacity() > kKeptSize) {
    bytes_ = std::string();
  } else {
    bytes_.clear();
  }
  used_ = 0;
}

Task<base::Result<bool>> InputBuffer::fill() {
  if (used_ > 0) {
    bytes_.erase(0, used_);
    used_ = 0;
  }
  // Nothing runs between the read and this task, so all of a loop's connections can share the
  // buffer.
  const std::span<char> shared = stream_.loop().shared_buffer();
  WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await stream_.read_some(shared));
  bytes_.append(shared.data(), n);
  co_return n > 0;
}

Task<base::Result<std::size_t>> InputBuffer::read(std::span<char> buffer) {
  const std::string_view waiting = view();
  if (waiting.empty()) return stream_.read_some(buffer);
  return [](InputBuffer* self, std::span<char> out) -> Task<base::Result<std::size_t>> {
    const std::size_t n = self->view().copy(out.data(), out.size());
    self->consume(n);
    co_return n;
  }(this, buffer);
}

std::optional<std::string_view> InputBuffer::waiting_head(const HeadLimits& limits) {
  // A few empty lines before a request are forgiven (RFC 9112 section 2.2).
  while (view().starts_with("\r\n")) consume(2);
  const std::string_view received = view();
  const auto end = find_head_end(received, scanned_);
  if (!end || *end > limits.max_bytes) return std::nullopt;
  return received.substr(0, *end);
}

Task<base::Result<std::string_view>> InputBuffer::read_head(const HeadLimits& limits) {
  while (true) {
    if (const auto head = waiting_head(limits)) co_return *head;
    if (view().size() > limits.max_bytes) {
      co_return base::fail(base::Code::kOutOfRange,
                           base::concat("the header is larger than ", limits.max_bytes, " bytes"));
    }
    WRENN_CO_TRY_ASSIGN(const bool more, co_await fill());
    if (more) continue;
    if (view().empty()) co_return std::string_view();
    co_return base::fail(truncated_error());
  }
}

Task<base::Result<std::size_t>> BodyReader::read(std::span<char> buffer) {
  if (finished_) co_return std::size_t{0};
  if (continue_to_ != nullptr) {
    Stream* stream = std::exchange(continue_to_, nullptr);
    awaits_continue_ = false;
    WRENN_CO_TRY(co_await stream->write_all("HTTP/1.1 100 Continue\r\n\r\n"));
  }
  // Bytes that are here already need no timer.
  const bool waits = timeout_ > base::Duration::zero() && input_.view().empty();
  const auto n =
      waits ? co_await with_timeout(timeout_, read_now(buffer)) : co_await read_now(buffer);
  if (n) awaits_continue_ = false;  // It sends without having been told to.
  co_return n;
}

Task<base::Result<std::size_t>> BodyReader::read_now(std::span<char> buffer) {
  if (framing_ == Framing::kChunked) co_return co_await read_chunked(buffer);
  if (framing_ == Framing::kUntilClose) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await input_.read(buffer));
    finished_ = n == 0;
    co_return n;
  }
  const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()));
  WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await input_.read(buffer.first(room)));
  if (n == 0) co_return base::fail(truncated_error());
  left_ -= n;
  finished_ = left_ == 0;
  co_return n;
}

bool BodyReader::can_splice() const {
  return framing_ == Framing::kLength && left_ >= kWorthSplicing && input_.view().empty() &&
         continue_to_ == nullptr && input_.stream().can_splice();
}

Task<base::Result<std::size_t>> BodyReader::splice(SpliceBuffer& buffer) {
  auto now = splice_now(buffer);
  co_return timeout_ > base::Duration::zero() ? co_await with_timeout(timeout_, std::move(now))
                                              : co_await std::move(now);
}

Task<base::Result<std::size_t>> BodyReader::splice_now(SpliceBuffer& buffer) {
  WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await buffer.fill(input_.stream(), left_));
  awaits_continue_ = false;
  if (n == 0) co_return base::fail(truncated_error());
  skip(n);
  co_return n;
}

Task<base::Result<std::size_t>> BodyReader::read_chunked(std::span<char> buffer) {
  std::size_t taken = 0;  // Of as many chunks as are here and fit.
  while (!finished_ && taken < buffer.size()) {
    const std::string_view waiting = input_.view();
    if (waiting.empty()) {
      if (taken > 0) break;
      WRENN_CO_TRY_ASSIGN(const bool more, co_await input_.fill());
      if (!more) co_return base::fail(truncated_error());
      continue;
    }
    // No more than fits: what the decoder hands out is gone from its input.
    WRENN_CO_TRY_ASSIGN(const auto step, chunks_.decode(waiting.substr(0, buffer.size() - taken)));
    taken += step.data.copy(buffer.data() + taken, buffer.size() - taken);
    input_.consume(step.consumed);
    finished_ = step.finished;
  }
  co_return taken;
}

}  // namespace wrenn::net
