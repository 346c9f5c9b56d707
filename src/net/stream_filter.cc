// How a Stream reads and writes through its filter.
#include "net/stream_filter.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "net/scope.h"
#include "net/stream.h"

namespace wrenn::net {
namespace {

// So much is encoded before it has to go out.
constexpr std::size_t kMaxOutgoing = 64 * 1024;
constexpr std::size_t kPiece = 16 * 1024;
// What could not go out at once, and that nobody waits for, is tried again after so long.
constexpr auto kRetry = std::chrono::milliseconds(5);

base::Error cut_error() {
  return {base::Code::kUnavailable, "the connection was cut"};
}

}  // namespace

struct Stream::Filtered {
  Filtered(Stream& s, std::unique_ptr<StreamFilter> f)
      : stream(s), filter(std::move(f)), retry(s.loop(), [this] { stream.send_leftover(); }) {}
  Stream& stream;
  std::unique_ptr<StreamFilter> filter;
  bool ends = false;  // The socket's side is to be shut down when all is out.
  Timer retry;
};

Stream::Stream(IoFd fd, bool is_socket) : fd_(std::move(fd)), is_socket_(is_socket) {}
Stream::~Stream() = default;

base::Result<void> Stream::send_outgoing() {
  StreamFilter& filter = *filtered_->filter;
  Parts parts = {filter.outgoing(), {}, {}};
  if (parts[0].empty()) return {};
  const std::size_t before = parts[0].size();
  WRENN_TRY(take_written(parts));
  filter.consume_outgoing(before - parts[0].size());
  return {};
}

Task<base::Result<void>> Stream::flush_outgoing() {
  while (true) {
    WRENN_CO_TRY(send_outgoing());
    if (filtered_->filter->outgoing().empty()) co_return {};
    if (co_await fd_.writable() == Woken::kStopped) co_return base::fail(stopped_error());
  }
}

void Stream::send_leftover() {
  if (!send_outgoing()) return;  // Broken: whoever reads or writes next will find that.
  if (!filtered_->filter->outgoing().empty()) {
    filtered_->retry.start(kRetry);
  } else if (filtered_->ends) {
    shutdown_socket();
  }
}

Task<base::Result<void>> Stream::secure(const StreamSecurity& security) {
  WRENN_CO_TRY_ASSIGN(auto filter, security.make_filter());
  filtered_ = std::make_unique<Filtered>(*this, std::move(filter));
  while (true) {
    auto agreed = filtered_->filter->handshake();
    // The peer is told why in either case.
    const auto sent = co_await flush_outgoing();
    if (!agreed) co_return base::fail(std::move(agreed).error());
    WRENN_CO_TRY(sent);
    if (*agreed) co_return {};
    WRENN_CO_TRY(co_await receive_more());
  }
}

// The buffer is the loop's, which the caller may share: it is used up before the caller's is
// written to.
Task<base::Result<void>> Stream::receive_more() {
  const std::span<char> buffer = loop().shared_buffer();
  WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await read_raw(buffer));
  if (n == 0) co_return base::fail(cut_error());
  co_return filtered_->filter->receive({buffer.data(), n});
}

Task<base::Result<std::size_t>> Stream::read_filtered(std::span<char> buffer) {
  StreamFilter& filter = *filtered_->filter;
  // Before, not after: the buffer may be the loop's.
  if (loop().spend_budget() && co_await LetOthersRun() == Woken::kStopped) {
    co_return base::fail(stopped_error());
  }
  while (true) {
    auto n = filter.decode(buffer);
    // Reading may make something to say: why the peer is refused, or an answer to it.
    const auto sent = send_outgoing();
    if (!filter.outgoing().empty()) filtered_->retry.start(kRetry);
    if (!n) co_return base::fail(std::move(n).error());
    if (*n > 0) co_return *n;
    if (filter.at_end()) co_return std::size_t{0};
    WRENN_CO_TRY(sent);
    WRENN_CO_TRY(co_await receive_more());
  }
}

Task<base::Result<void>> Stream::write_filtered(Parts parts) {
  StreamFilter& filter = *filtered_->filter;
  if (loop().spend_budget() && co_await LetOthersRun() == Woken::kStopped) {
    co_return base::fail(stopped_error());
  }
  for (std::string_view part : parts) {
    while (!part.empty()) {
      const std::string_view piece = part.substr(0, kPiece);
      part.remove_prefix(piece.size());
      WRENN_CO_TRY(filter.encode(piece));
      if (filter.outgoing().size() >= kMaxOutgoing) WRENN_CO_TRY(co_await flush_outgoing());
    }
  }
  co_return co_await flush_outgoing();
}

base::Result<void> Stream::encode_all(const Parts& parts) {
  for (const std::string_view part : parts) {
    if (!part.empty()) WRENN_TRY(filtered_->filter->encode(part));
  }
  return {};
}

Task<base::Result<void>> Stream::write_shared_filtered(Parts parts) {
  // Encoding is copying: nothing of the parts is needed afterwards.
  WRENN_CO_TRY(encode_all(parts));
  co_return co_await flush_outgoing();
}

base::Result<std::size_t> Stream::write_now_filtered(std::string_view bytes) {
  StreamFilter& filter = *filtered_->filter;
  WRENN_TRY(send_outgoing());
  if (!filter.outgoing().empty()) return std::size_t{0};
  const std::string_view piece = bytes.substr(0, kPiece);
  if (piece.empty()) return std::size_t{0};
  // An encoded piece cannot be taken back: what stays of it follows by itself.
  WRENN_TRY(filter.encode(piece));
  WRENN_TRY(send_outgoing());
  if (!filter.outgoing().empty()) filtered_->retry.start(kRetry);
  return piece.size();
}

Task<base::Result<void>> Stream::send_file_filtered(int file, std::uint64_t offset,
                                                    std::uint64_t length) {
  while (length > 0) {
    const std::span<char> buffer = loop().shared_buffer();
    const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(length, kMaxOutgoing));
    const ssize_t n = ::pread(file, buffer.data(), room, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) co_return base::fail_errno(errno, "reading a file");
    if (n == 0) {
      co_return base::fail(base::Code::kDataLoss, "the file became shorter while it was sent");
    }
    const auto read = static_cast<std::size_t>(n);
    WRENN_CO_TRY(co_await write_shared_filtered({std::string_view(buffer.data(), read), {}, {}}));
    offset += read;
    length -= read;
    // A piece is much: it is the others' turn after each.
    if (co_await LetOthersRun() == Woken::kStopped) co_return base::fail(stopped_error());
  }
  co_return {};
}

void Stream::shutdown_filtered() {
  filtered_->ends = true;
  filtered_->filter->finish();
  send_leftover();
}

bool Stream::is_filter_stale() const {
  return filtered_->filter->has_received() || !filtered_->filter->outgoing().empty();
}

}  // namespace wrenn::net
