#include "envd/ports/listening_sockets.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;

// What it is copied from need not be aligned. Nothing when it is too short.
template <class T>
std::optional<T> copy_from(std::string_view bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::optional<ListeningSocket> parse_diag_socket(std::string_view payload) {
  const auto socket = copy_from<inet_diag_msg>(payload);
  if (!socket || socket->idiag_state != TCP_LISTEN) return std::nullopt;
  const std::string_view source(reinterpret_cast<const char*>(socket->id.idiag_src),
                                sizeof socket->id.idiag_src);
  const std::uint16_t port = ntohs(socket->id.idiag_sport);
  if (socket->idiag_family == AF_INET) {
    return ListeningSocket{port, IpAddress::v4(*copy_from<std::array<std::uint8_t, 4>>(source))};
  }
  if (socket->idiag_family == AF_INET6) {
    return ListeningSocket{port, IpAddress::v6(*copy_from<std::array<std::uint8_t, 16>>(source))};
  }
  return std::nullopt;
}

// A dump that fails ends with a negative error number, in either of two messages.
Result<DiagEnd> parse_diag_end(std::string_view payload) {
  const auto status = copy_from<std::int32_t>(payload);
  if (status && *status < 0 && *status > -4096) {
    return base::fail_errno(-*status, "the kernel does not list its sockets");
  }
  return DiagEnd::kDone;
}

// "0100007F" or four such groups: the words of the address, each in the machine's byte order.
template <std::size_t kBytes>
std::optional<std::array<std::uint8_t, kBytes>> parse_proc_address(std::string_view text) {
  std::array<std::uint8_t, kBytes> bytes{};
  for (std::size_t at = 0; at < kBytes; at += 4) {
    const std::string_view digits = text.substr(at * 2, 8);
    std::uint32_t word = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + 8, word, 16);
    if (error != std::errc{} || end != digits.data() + 8) return std::nullopt;
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
  return bytes;
}

std::optional<IpAddress> parse_proc_address(std::string_view text) {
  if (text.size() == 8) return parse_proc_address<4>(text).transform(IpAddress::v4);
  if (text.size() == 32) return parse_proc_address<16>(text).transform(IpAddress::v6);
  return std::nullopt;
}

// "   0: 0100007F:1F90 00000000:0000 0A ..."
std::optional<ListeningSocket> parse_proc_line(std::string_view line) {
  line = base::trim(line);
  const auto fields = base::split(line.substr(0, 128), ' ');
  if (fields.size() < 5 || fields[3] != "0A") return std::nullopt;
  const std::size_t colon = fields[1].find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = fields[1].substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  const auto address = parse_proc_address(fields[1].substr(0, colon));
  if (!address) return std::nullopt;
  return ListeningSocket{port, *address};
}

// The beginning of the file. The kernel makes the lines of /proc/net/tcp as they are read,
// listening sockets first: what lies beyond would be of no use and, with many connections, of great
// length.
Result<std::string> read_proc_net(const char* path) {
  constexpr std::size_t kMaxBytes = kMaxListeningSockets * 180;
  WRENN_TRY_ASSIGN(const base::Fd fd, base::open_file(path, O_RDONLY));
  std::string text;
  std::array<char, 16 * 1024> block;
  while (text.size() < kMaxBytes) {
    const ssize_t count = ::read(fd.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::fail_errno(errno, base::concat("cannot read ", path));
    if (count == 0) break;
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  return text;
}

Result<std::vector<ListeningSocket>> read_proc() {
  WRENN_TRY_ASSIGN(const std::string text, read_proc_net("/proc/net/tcp"));
  std::vector<ListeningSocket> sockets = parse_proc_net_tcp(text);
  // It is missing where the kernel has no IPv6.
  if (const auto text6 = read_proc_net("/proc/net/tcp6")) {
    const auto sockets6 = parse_proc_net_tcp(*text6);
    sockets.insert(sockets.end(), sockets6.begin(), sockets6.end());
  }
  return sockets;
}

Result<base::Fd> open_netlink() {
  base::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd.valid()) return base::fail_errno(errno, "cannot open a socket for diagnostics");
  // Answers come during the call; should one ever be lost, the loop must not wait for it.
  const timeval limit{1, 0};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) {
    return base::fail_errno(errno, "cannot limit how long diagnostics may take");
  }
  return fd;
}

Result<void> send_question(int fd, std::uint8_t family, std::uint32_t sequence) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.header.nlmsg_seq = sequence;
  message.request.sdiag_family = family;
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = 1U << TCP_LISTEN;
  if (::send(fd, &message, sizeof message, 0) < 0) {
    return base::fail_errno(errno, "cannot ask which sockets listen");
  }
  return {};
}

}  // namespace

Result<DiagEnd> parse_sock_diag(std::string_view datagram, std::uint32_t sequence,
                                std::vector<ListeningSocket>& sockets) {
  while (!datagram.empty()) {
    const auto header = copy_from<nlmsghdr>(datagram);
    if (!header || header->nlmsg_len < sizeof *header || header->nlmsg_len > datagram.size()) {
      return base::fail(Code::kDataLoss, "a malformed message about sockets");
    }
    const auto payload = datagram.substr(sizeof *header, header->nlmsg_len - sizeof *header);
    datagram.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header->nlmsg_len), datagram.size()));
    if (header->nlmsg_seq != sequence) continue;
    if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
      return parse_diag_end(payload);
    }
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) continue;
    if (const auto socket = parse_diag_socket(payload)) sockets.push_back(*socket);
  }
  return DiagEnd::kMore;
}

std::vector<ListeningSocket> parse_proc_net_tcp(std::string_view text) {
  std::vector<ListeningSocket> sockets;
  while (!text.empty() && sockets.size() < kMaxListeningSockets) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (const auto socket = parse_proc_line(text.substr(0, end))) sockets.push_back(*socket);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return sockets;
}

Result<void> ListeningSockets::dump(std::uint8_t family, std::vector<ListeningSocket>& sockets) {
  WRENN_TRY(send_question(netlink_.get(), family, ++sequence_));
  std::array<char, 32 * 1024> buffer;
  while (true) {
    // MSG_TRUNC: the true length, so that a datagram that does not fit is not taken for whole.
    const ssize_t count = ::recv(netlink_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::fail_errno(errno, "cannot read which sockets listen");
    if (static_cast<std::size_t>(count) > buffer.size()) {
      return base::fail(Code::kDataLoss, "a message about sockets is too long");
    }
    const std::string_view datagram(buffer.data(), static_cast<std::size_t>(count));
    WRENN_TRY_ASSIGN(const DiagEnd end, parse_sock_diag(datagram, sequence_, sockets));
    if (end == DiagEnd::kDone || sockets.size() >= kMaxListeningSockets * 2) return {};
  }
}

Result<std::vector<ListeningSocket>> ListeningSockets::ask_netlink() {
  if (!netlink_.valid()) {
    WRENN_TRY_ASSIGN(netlink_, open_netlink());
  }
  std::vector<ListeningSocket> sockets;
  auto dumped = dump(AF_INET, sockets);
  if (dumped) dumped = dump(AF_INET6, sockets);
  // Whatever is left of an answer that was not read to its end goes with the socket.
  if (!dumped || sockets.size() >= kMaxListeningSockets) netlink_.reset();
  if (!dumped) return base::fail(std::move(dumped).error());
  return sockets;
}

Result<std::vector<ListeningSocket>> ListeningSockets::list() {
  auto sockets = has_netlink_ ? ask_netlink() : read_proc();
  if (!sockets && has_netlink_) {
    // Asked each time, a kernel without the module would each time start a program to load it.
    base::log_info("listening sockets are read from /proc/net/tcp", {{"reason", sockets.error()}});
    has_netlink_ = false;
    sockets = read_proc();
  }
  if (!sockets) return sockets;
  std::ranges::sort(*sockets);
  const auto repeated = std::ranges::unique(*sockets);
  sockets->erase(repeated.begin(), repeated.end());
  if (sockets->size() > kMaxListeningSockets) {
    sockets->erase(sockets->begin() + kMaxListeningSockets, sockets->end());
  }
  return sockets;
}

}  // namespace wrenn::envd
