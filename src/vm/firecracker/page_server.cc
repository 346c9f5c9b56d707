#include "vm/firecracker/page_server.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::uint64_t kSmallPage = 4096;

// kDeadlineExceeded when there is nothing to read in time.
Result<void> wait_for(int fd, base::SteadyTime until) {
  while (true) {
    const auto left = std::max<std::int64_t>(0, base::to_ms(until - base::steady_now()));
    pollfd ready{fd, POLLIN, 0};
    const int n = ::poll(&ready, 1, static_cast<int>(left));
    if (n > 0) return {};
    if (n == 0) return base::fail(Code::kDeadlineExceeded, "Firecracker does not call");
    if (errno != EINTR) return base::fail_errno(errno, "poll");
  }
}

// One message, with exactly one descriptor.
Result<std::string> receive(int connection, base::Fd& passed) {
  std::string message(kMaxHandshakeBytes + 1, '\0');
  iovec part{message.data(), message.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t n = ::recvmsg(connection, &header, MSG_CMSG_CLOEXEC);
  if (n < 0) return base::fail_errno(errno, "cannot hear Firecracker");
  std::vector<base::Fd> fds;
  for (auto* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  const bool is_cut = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  if (n == 0 || is_cut || fds.size() != 1) {
    return base::fail(Code::kInvalidArgument, "Firecracker did not send its userfaultfd");
  }
  passed = std::move(fds.front());
  message.resize(static_cast<std::size_t>(n));
  return message;
}

}  // namespace

Result<Accepted> accept_handshake(int listener, std::uint64_t memory_bytes,
                                  base::Duration deadline) {
  const auto until = base::steady_now() + deadline;
  Accepted accepted;
  while (!accepted.connection.valid()) {
    WRENN_TRY(wait_for(listener, until));
    accepted.connection = base::Fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    const bool is_passing = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    if (!accepted.connection.valid() && !is_passing) return base::fail_errno(errno, "accept");
  }
  ucred peer{};
  socklen_t length = sizeof peer;
  const int socket = accepted.connection.get();
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    return base::fail_errno(errno, "getsockopt");
  }
  if (peer.uid != ::geteuid()) {
    return base::fail(Code::kPermissionDenied, "somebody else asks for a VM's memory");
  }
  accepted.pid = peer.pid;
  WRENN_TRY(wait_for(socket, until));
  WRENN_TRY_ASSIGN(const std::string message, receive(socket, accepted.faults));
  WRENN_TRY_ASSIGN(accepted.handshake, parse_handshake(message, memory_bytes));
  // Reading must never wait: it is poll() that does.
  const int flags = ::fcntl(accepted.faults.get(), F_GETFL);
  if (flags < 0 || ::fcntl(accepted.faults.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return base::fail_errno(errno, "fcntl");
  }
  return accepted;
}

PageServer::PageServer(const Accepted& peer, const PageSource& source, PageList wanted)
    : peer_(peer),
      source_(source),
      page_bytes_(peer.handshake.page_bytes),
      wanted_(std::move(wanted)),
      removed_(source.memory_bytes() / peer.handshake.page_bytes),
      buffer_(peer.handshake.page_bytes) {}

void PageServer::record(int fd, base::Duration after) {
  record_fd_ = fd;
  record_at_ = base::steady_now() + after;
}

Result<void> PageServer::run() {
  while (true) {
    const bool is_busy = !faults_.empty() || next_wanted_ < wanted_.size();
    WRENN_TRY_ASSIGN(const Outcome waited, wait(is_busy));
    if (waited == Outcome::kGone) return {};
    // Removals go before faults: a page that was given back and is touched again is zero, and the
    // kernel lets nothing be put into place while one is unread.
    WRENN_TRY_ASSIGN(const Outcome read, read_events());
    if (read == Outcome::kGone) return {};
    WRENN_TRY_ASSIGN(const Outcome served, faults_.empty() ? serve_wanted() : serve_faults());
    if (served == Outcome::kGone) return {};
    WRENN_TRY(write_record());
  }
}

// Until there is something to do. kGone when Firecracker's end of the connection is closed.
Result<PageServer::Outcome> PageServer::wait(bool is_busy) {
  std::array<pollfd, 2> ready{pollfd{peer_.faults.get(), POLLIN, 0},
                              pollfd{peer_.connection.get(), POLLIN, 0}};
  int timeout = is_busy ? 0 : -1;
  if (!is_busy && record_fd_ >= 0) {
    timeout = static_cast<int>(
        std::max<std::int64_t>(1, base::to_ms(record_at_ - base::steady_now()) + 1));
  }
  if (::poll(ready.data(), ready.size(), timeout) < 0 && errno != EINTR) {
    return base::fail_errno(errno, "poll");
  }
  if (ready[1].revents == 0) return Outcome::kDone;
  std::array<char, 256> rest;
  const ssize_t n = ::recv(peer_.connection.get(), rest.data(), rest.size(), MSG_DONTWAIT);
  const bool is_open = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
  return is_open ? Outcome::kDone : Outcome::kGone;
}

Result<PageServer::Outcome> PageServer::read_events() {
  std::array<uffd_msg, 64> messages{};
  const ssize_t n = ::read(peer_.faults.get(), messages.data(), sizeof messages);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return Outcome::kLater;
  if (n < 0) return base::fail_errno(errno, "cannot read page faults");
  if (n == 0) return Outcome::kGone;
  const std::size_t count = static_cast<std::size_t>(n) / sizeof(uffd_msg);
  for (const uffd_msg& message : std::span(messages).first(count)) {
    if (message.event == UFFD_EVENT_REMOVE) {
      WRENN_TRY(take_removal(message.arg.remove.start, message.arg.remove.end));
      continue;
    }
    const Region* region =
        message.event == UFFD_EVENT_PAGEFAULT ? region_at(message.arg.pagefault.address) : nullptr;
    if (region == nullptr) {
      return base::fail(Code::kInternal,
                        concat("an event of the kernel that cannot be: ", message.event));
    }
    const std::uint64_t offset = message.arg.pagefault.address - region->address + region->offset;
    faults_.push_back(offset / page_bytes_ * page_bytes_);
    if (asked_.size() < kMaxListedPages) {
      asked_.push_back(static_cast<std::uint32_t>(offset / kSmallPage));
    }
  }
  return Outcome::kDone;
}

Result<void> PageServer::take_removal(std::uint64_t begin, std::uint64_t end) {
  while (begin < end) {
    const Region* region = region_at(begin);
    if (region == nullptr)
      return base::fail(Code::kInternal, "memory that is not there was removed");
    const std::uint64_t last = std::min(end, region->address + region->bytes);
    const std::uint64_t first_page = (begin - region->address + region->offset) / page_bytes_;
    const std::uint64_t end_page = (last - region->address + region->offset) / page_bytes_;
    std::fill(removed_.begin() + static_cast<std::ptrdiff_t>(first_page),
              removed_.begin() + static_cast<std::ptrdiff_t>(end_page), true);
    begin = last;
  }
  return {};
}

Result<PageServer::Outcome> PageServer::serve_faults() {
  while (!faults_.empty()) {
    const std::uint64_t offset = faults_.front();
    WRENN_TRY_ASSIGN(const Outcome outcome, place(*region_of(offset), offset));
    if (outcome != Outcome::kDone) return outcome;
    faults_.pop_front();
  }
  return Outcome::kDone;
}

// A few, and then it is looked whether somebody waits.
Result<PageServer::Outcome> PageServer::serve_wanted() {
  constexpr std::size_t kAtOnce = 16;
  for (std::size_t i = 0; i < kAtOnce && next_wanted_ < wanted_.size(); ++i) {
    const std::uint64_t offset = wanted_[next_wanted_] * kSmallPage / page_bytes_ * page_bytes_;
    // One that was given back is not wanted any more.
    if (!removed_[offset / page_bytes_]) {
      WRENN_TRY_ASSIGN(const Outcome outcome, place(*region_of(offset), offset));
      if (outcome != Outcome::kDone) return outcome;
    }
    ++next_wanted_;
  }
  return Outcome::kDone;
}

Result<PageServer::Outcome> PageServer::place(const Region& region, std::uint64_t offset) {
  const std::uint64_t address = region.address + (offset - region.offset);
  bool is_zero = removed_[offset / page_bytes_];
  if (!is_zero) {
    WRENN_TRY_ASSIGN(is_zero, source_.read(offset, buffer_));
  }
  return copy_to(address, is_zero);
}

Result<PageServer::Outcome> PageServer::copy_to(std::uint64_t address, bool is_zero) {
  int result = 0;
  if (is_zero && page_bytes_ == kSmallPage) {
    uffdio_zeropage zero{};
    zero.range = {.start = address, .len = page_bytes_};
    result = ::ioctl(peer_.faults.get(), UFFDIO_ZEROPAGE, &zero);
  } else {
    if (is_zero) std::ranges::fill(buffer_, '\0');
    uffdio_copy copy{};
    copy.dst = address;
    copy.src = reinterpret_cast<std::uint64_t>(buffer_.data());
    copy.len = page_bytes_;
    result = ::ioctl(peer_.faults.get(), UFFDIO_COPY, &copy);
  }
  if (result == 0) return Outcome::kDone;
  switch (errno) {
    case EAGAIN:  // A removal is under way.
      return Outcome::kLater;
    case ESRCH:
      return Outcome::kGone;
    case EEXIST: {
      // It is there already; whoever waits may not have been told.
      uffdio_range range{.start = address, .len = page_bytes_};
      (void)::ioctl(peer_.faults.get(), UFFDIO_WAKE, &range);
      return Outcome::kDone;
    }
    default:
      return base::fail_errno(errno, "cannot put a page into place");
  }
}

Result<void> PageServer::write_record() {
  if (record_fd_ < 0 || base::steady_now() < record_at_) return {};
  return base::write_all(std::exchange(record_fd_, -1), to_bytes(asked_));
}

const Region* PageServer::region_at(std::uint64_t address) const {
  for (const Region& region : peer_.handshake.regions) {
    if (address >= region.address && address - region.address < region.bytes) return &region;
  }
  return nullptr;
}

const Region* PageServer::region_of(std::uint64_t offset) const {
  for (const Region& region : peer_.handshake.regions) {
    if (offset >= region.offset && offset - region.offset < region.bytes) return &region;
  }
  return nullptr;
}

}  // namespace wrenn::vm::firecracker
