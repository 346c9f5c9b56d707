#include "envd/ports/listening_sockets.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

#include "base/files.h"

namespace wrenn::envd {
namespace {

using base::Code;

IpAddress ip(const std::string& text) {
  return IpAddress::parse(text).value();
}

TEST(IpAddressTest, KeepsBothFamilies) {
  for (const char* text : {"127.0.0.1", "0.0.0.0", "169.254.0.21", "::", "::1", "fe80::1"}) {
    EXPECT_EQ(ip(text).to_string(), text);
  }
  EXPECT_EQ(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
  EXPECT_TRUE(ip("127.0.0.53").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  for (const char* text : {"0.0.0.0", "128.0.0.1", "::", "::2", "100::1"}) {
    EXPECT_FALSE(ip(text).is_loopback()) << text;
  }
  EXPECT_LT(ip("255.0.0.1"), ip("::1"));
  for (const char* text : {"", "localhost", "127.0.0", "127.0.0.1:80", "[::1]", ":::"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(ProcNetTcpTest, TakesWhatListens) {
  const auto sockets = parse_proc_net_tcp(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
      " 123: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0\n"
      "   2: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 0:0\n"
      "   3: 0100007F:C000 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0\n");
  const std::vector<ListeningSocket> expected = {
      {8080, ip("127.0.0.1")}, {80, ip("::1")}, {81, ip("127.0.0.1")}};
  EXPECT_EQ(sockets, expected);
}

TEST(ProcNetTcpTest, PassesOverWhatIsMalformed) {
  for (const char* line :
       {"", "\n\n", "0:", "0: 0100007F 0 0A x", "0: 0100007F:1F90 0:0 0A",
        "0: 0100007G:1F90 0:0 0A x", "0: 0100007F:1F90F 0:0 0A x", "0: 0100007F: 0:0 0A x",
        "0: 0100007F:-001 0:0 0A x", "0: 100007F:1F90 0:0 0A x", "0: :1F90 0:0 0A x",
        "0: 0100007F0:1F90 0:0 0A x"}) {
    EXPECT_TRUE(parse_proc_net_tcp(line).empty()) << line;
  }
  std::string many;
  for (std::size_t i = 0; i < kMaxListeningSockets + 10; ++i) {
    many += "0: 0100007F:1F90 00000000:0000 0A 0:0\n";
  }
  EXPECT_EQ(parse_proc_net_tcp(many).size(), kMaxListeningSockets);
}

template <class T>
std::string message(int type, std::uint32_t sequence, const T& payload) {
  nlmsghdr header{};
  header.nlmsg_len = sizeof header + sizeof payload;
  header.nlmsg_type = static_cast<std::uint16_t>(type);
  header.nlmsg_seq = sequence;
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(&payload), sizeof payload);
  return bytes;
}

std::string socket_message(std::uint32_t sequence, std::uint8_t state, std::uint16_t port) {
  inet_diag_msg socket{};
  socket.idiag_family = AF_INET;
  socket.idiag_state = state;
  socket.id.idiag_sport = htons(port);
  socket.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
  return message(SOCK_DIAG_BY_FAMILY, sequence, socket);
}

TEST(SockDiagTest, TakesWhatListens) {
  std::vector<ListeningSocket> sockets;
  const auto more =
      parse_sock_diag(socket_message(7, TCP_LISTEN, 80) + socket_message(7, TCP_ESTABLISHED, 81) +
                          socket_message(6, TCP_LISTEN, 82),
                      7, sockets);
  EXPECT_EQ(more, DiagEnd::kMore);
  const auto done = parse_sock_diag(
      socket_message(7, TCP_LISTEN, 83) + message(NLMSG_DONE, 7, std::int32_t{0}), 7, sockets);
  EXPECT_EQ(done, DiagEnd::kDone);
  const std::vector<ListeningSocket> expected = {{80, ip("127.0.0.1")}, {83, ip("127.0.0.1")}};
  EXPECT_EQ(sockets, expected);
}

TEST(SockDiagTest, ReturnsTheKernelsError) {
  std::vector<ListeningSocket> sockets;
  for (const int type : {NLMSG_ERROR, NLMSG_DONE}) {
    const auto failed = parse_sock_diag(message(type, 1, std::int32_t{-ENOENT}), 1, sockets);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::kNotFound);
  }
}

TEST(SockDiagTest, RefusesLyingLengths) {
  std::vector<ListeningSocket> sockets;
  const std::string whole = socket_message(1, TCP_LISTEN, 80);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto cut = parse_sock_diag(std::string_view(whole).substr(0, size), 1, sockets);
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, Code::kDataLoss);
  }
  std::string short_length = whole;
  const std::uint32_t three = 3;
  std::memcpy(short_length.data(), &three, sizeof three);
  EXPECT_FALSE(parse_sock_diag(short_length, 1, sockets));
  // A message that is too short for a socket lists none.
  EXPECT_TRUE(parse_sock_diag(message(SOCK_DIAG_BY_FAMILY, 1, std::int32_t{1}), 1, sockets));
  EXPECT_TRUE(sockets.empty());
}

// A port of the kernel's choice on 127.0.0.1.
struct Listener {
  Listener() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd.get(), 1), 0);
    EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    socket.port = ntohs(address.sin_port);
  }
  base::Fd fd;
  ListeningSocket socket{0, ip("127.0.0.1")};
};

TEST(ListeningSocketsTest, AsksTheKernel) {
  ListeningSockets sockets;
  Listener listener;
  const auto listed = sockets.list();
  ASSERT_TRUE(listed) << listed.error().to_string();
  EXPECT_TRUE(std::ranges::binary_search(*listed, listener.socket));
  listener.fd.reset();
  const auto after = sockets.list();
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_FALSE(std::ranges::binary_search(*after, listener.socket));
}

TEST(ListeningSocketsTest, ReadsProcToo) {
  const Listener listener;
  const auto text = base::read_file("/proc/net/tcp");
  ASSERT_TRUE(text) << text.error().to_string();
  const auto sockets = parse_proc_net_tcp(*text);
  EXPECT_NE(std::ranges::find(sockets, listener.socket), sockets.end());
}

}  // namespace
}  // namespace wrenn::envd
