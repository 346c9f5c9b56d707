// TLS between two streams of ours, and with OpenSSL's own programs as the other side.
#include "net/tls.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "base/files.h"
#include "net/blocking.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/test_certificates.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::Result;
using std::chrono::seconds;

constexpr const char* kHost = "wrenn:host:1";
constexpr const char* kControlPlane = "wrenn:control-plane";
constexpr auto kDeadline = seconds(60);

Task<void> secure_beside(Stream& stream, const StreamSecurity& security, Result<void>& result) {
  result = co_await with_timeout(kDeadline, stream.secure(security));
  // As a server does it: whoever is not accepted learns it by the end of the connection, too.
  if (!result) stream.shutdown_write();
}

Task<Result<std::string>> read_to_end(Stream& stream) {
  std::string all;
  std::vector<char> buffer(32 * 1024);
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await stream.read_some(buffer));
    if (n == 0) co_return all;
    all.append(buffer.data(), n);
  }
}

Task<void> send_and_end(Stream& stream, std::string_view bytes, Result<void>& result) {
  result = co_await stream.write_all(bytes.substr(0, 7), bytes.substr(7));
  stream.shutdown_write();
}

std::string numbers(std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i) text += std::to_string(i);
  return text;
}

class TlsTest : public testing::Test {
 protected:
  struct Agreement {
    Result<void> client;
    Result<void> server;
  };

  void SetUp() override {
    std::array<int, 2> ends{-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    client = *Stream::adopt(loop, base::Fd(ends[0]));
    server = *Stream::adopt(loop, base::Fd(ends[1]));
  }

  static std::shared_ptr<TlsSecurity> client_side(const TlsIdentity& identity,
                                                  const char* peer = kHost) {
    return *TlsSecurity::create(TlsSide::kClient, identity, peer);
  }
  static std::shared_ptr<TlsSecurity> server_side(const TlsIdentity& identity,
                                                  const char* peer = kControlPlane) {
    return *TlsSecurity::create(TlsSide::kServer, identity, peer);
  }

  Task<Agreement> both(const StreamSecurity& at_client, const StreamSecurity& at_server) {
    Agreement agreement;
    TaskScope scope(loop);
    scope.spawn(secure_beside(*server, at_server, agreement.server));
    agreement.client = co_await with_timeout(kDeadline, client->secure(at_client));
    co_await scope.join();
    // What the server thinks of its client, the client learns when it reads.
    if (agreement.client && !agreement.server) {
      auto end = co_await read_to_end(*client);
      if (!end) agreement.client = base::fail(std::move(end).error());
    }
    co_return agreement;
  }
  Agreement agree(const std::shared_ptr<TlsSecurity>& at_client,
                  const std::shared_ptr<TlsSecurity>& at_server) {
    return loop.block_on(both(*at_client, *at_server));
  }
  void connect_both() {
    const auto agreement = agree(client_side(authority.client()), server_side(authority.server()));
    ASSERT_TRUE(agreement.client) << agreement.client.error().to_string();
    ASSERT_TRUE(agreement.server) << agreement.server.error().to_string();
  }

  Task<Result<std::string>> carry(Stream& from, Stream& to, std::string_view bytes,
                                  Result<void>& sent) {
    TaskScope scope(loop);
    scope.spawn(send_and_end(from, bytes, sent));
    auto got = co_await with_timeout(kDeadline, read_to_end(to));
    co_await scope.join();
    co_return got;
  }

  Loop loop;
  TestAuthority authority;
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

void expect_refused(const Result<void>& result, std::string_view why) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kUnauthenticated) << result.error().message;
  EXPECT_NE(result.error().message.find(why), std::string::npos) << result.error().message;
}

TEST_F(TlsTest, CarriesMuchBothWaysAndEachEnd) {
  connect_both();
  EXPECT_FALSE(client->can_splice());
  const std::string bytes = numbers(3 << 20);
  Result<void> sent;
  const auto there = loop.block_on(carry(*client, *server, bytes, sent));
  ASSERT_TRUE(there) << there.error().message;
  EXPECT_TRUE(*there == bytes);
  EXPECT_TRUE(sent);
  // One side has ended; the other one is still free to speak.
  const auto back = loop.block_on(carry(*server, *client, bytes, sent));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(*back == bytes);
  EXPECT_TRUE(sent);
}

TEST_F(TlsTest, NothingOfItGoesOverTheWireAsItIs) {
  connect_both();
  ASSERT_TRUE(loop.block_on(client->write_all("a secret that nobody may read")));
  std::array<char, 4096> wire{};
  const ssize_t n =
      ::recv(server->descriptor().get(), wire.data(), wire.size(), MSG_PEEK | MSG_DONTWAIT);
  ASSERT_GT(n, 0);
  EXPECT_FALSE(std::string_view(wire.data(), static_cast<std::size_t>(n)).contains("secret"));
}

TEST_F(TlsTest, AFileAndSharedBytesArriveWhole) {
  connect_both();
  const auto dir = base::TempDir::create();
  ASSERT_TRUE(dir);
  const std::string bytes = numbers(300'000);
  ASSERT_TRUE(base::write_file_atomic(dir->path() / "file", bytes));
  const auto file = base::open_file(dir->path() / "file", O_RDONLY);
  ASSERT_TRUE(file);
  struct Sender {
    static Task<void> run(Stream& to, int fd, std::size_t size, Result<void>& result) {
      result = co_await to.write_shared("first,", "second,", "third,");
      if (result) result = co_await to.send_file(fd, 10, size - 10);
      to.shutdown_write();
    }
  };
  Result<void> sent;
  TaskScope scope(loop);
  scope.spawn(Sender::run(*server, file->get(), bytes.size(), sent));
  const auto got = loop.block_on(with_timeout(kDeadline, read_to_end(*client)));
  loop.block_on(scope.join());
  ASSERT_TRUE(sent);
  ASSERT_TRUE(got);
  EXPECT_TRUE(*got == "first,second,third," + bytes.substr(10));
}

TEST_F(TlsTest, WhatIsWrittenWithoutWaitingFollowsByItself) {
  connect_both();
  const std::string bytes = numbers(16 * 1024);
  std::size_t written = 0;
  while (true) {
    const auto n = client->write_now(bytes);
    ASSERT_TRUE(n);
    if (*n == 0) break;
    written += *n;
  }
  client->shutdown_write();
  const auto got = loop.block_on(with_timeout(kDeadline, read_to_end(*server)));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->size(), written);
}

TEST_F(TlsTest, AConnectionThatIsCutIsNoEnd) {
  connect_both();
  ASSERT_TRUE(loop.block_on(client->write_all("half of what was to")));
  client.reset();
  std::array<char, 100> buffer;
  ASSERT_TRUE(loop.block_on(server->read_some(buffer)));
  const auto end = loop.block_on(server->read_some(buffer));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kUnavailable);
}

TEST_F(TlsTest, AKeptConnectionThatIsQuietIsNotStale) {
  connect_both();
  EXPECT_FALSE(client->is_stale());
  ASSERT_TRUE(loop.block_on(server->write_all("xy")));
  std::array<char, 1> buffer;
  ASSERT_TRUE(loop.block_on(client->read_some(buffer)));
  // Nothing is on the wire any more, but one byte was not read.
  EXPECT_TRUE(client->is_stale());
}

// A peer whose certificate the other side has to judge; what it trusts itself is right.
TlsIdentity trusting(TlsIdentity identity, const TestAuthority& trusted) {
  identity.authorities = trusted.authority().certificate;
  return identity;
}

TEST_F(TlsTest, AServerOfAnotherAuthorityIsRefused) {
  const TestAuthority another;
  const auto result =
      agree(client_side(authority.client()), server_side(trusting(another.server(), authority)));
  expect_refused(result.client, "certificate is not accepted");
  expect_refused(result.server, "does not accept our certificate");
}

TEST_F(TlsTest, AClientOfAnotherAuthorityIsRefused) {
  const TestAuthority another;
  const auto result =
      agree(client_side(trusting(another.client(), authority)), server_side(authority.server()));
  expect_refused(result.server, "certificate is not accepted");
  expect_refused(result.client, "does not accept our certificate");
}

TEST_F(TlsTest, AnotherNameIsRefusedOnEitherSide) {
  const auto host =
      agree(client_side(authority.client()), server_side(authority.server("wrenn:host:2")));
  expect_refused(host.client, "is not 'wrenn:host:1'");
  SetUp();
  const auto caller =
      agree(client_side(authority.client("wrenn:host:1")), server_side(authority.server()));
  expect_refused(caller.server, "is not 'wrenn:control-plane'");
}

TEST_F(TlsTest, ACertificateIsGoodForItsSideAlone) {
  const auto result = agree(client_side(authority.issue(CertificateUse::kServer, kControlPlane)),
                            server_side(authority.server()));
  expect_refused(result.server, "certificate is not accepted");
}

TEST_F(TlsTest, WhatIsNotValidNowIsRefused) {
  const std::int64_t now = base::unix_ms_now() / 1000;
  const auto expired = authority.issue(CertificateUse::kServer, kHost, {now - 7200, now - 3600});
  expect_refused(agree(client_side(authority.client()), server_side(expired)).client, "expired");
  SetUp();
  const auto early =
      authority.issue(CertificateUse::kClient, kControlPlane, {now + 3600, now + 7200});
  expect_refused(agree(client_side(early), server_side(authority.server())).server,
                 "not yet valid");
}

TEST_F(TlsTest, AReplacedIdentityIsThatOfNewConnections) {
  const auto security = server_side(authority.server("wrenn:host:2"));
  expect_refused(agree(client_side(authority.client()), security).client, "is not");
  ASSERT_TRUE(security->replace(authority.server()));
  SetUp();
  EXPECT_TRUE(agree(client_side(authority.client()), security).client);
}

TEST_F(TlsTest, APeerThatSpeaksNoTlsIsToldApart) {
  const auto security = client_side(authority.client());
  ASSERT_TRUE(loop.block_on(server->write_all("HTTP/1.1 400 Bad Request\r\n\r\n")));
  const auto result = loop.block_on(with_timeout(kDeadline, client->secure(*security)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kUnavailable);
}

TEST_F(TlsTest, AnIdentityMustFitTogether) {
  TlsIdentity mixed = authority.server();
  mixed.key = *make_private_key();
  EXPECT_FALSE(TlsSecurity::create(TlsSide::kServer, mixed, kControlPlane));
  TlsIdentity alone = authority.server();
  alone.authorities.clear();
  EXPECT_FALSE(TlsSecurity::create(TlsSide::kServer, alone, kControlPlane));
  EXPECT_FALSE(TlsSecurity::create(TlsSide::kServer, {}, kControlPlane));
}

// An HTTP server with a client's certificate asked for, and OpenSSL's program as its client.
class Echo final : public HttpHandler {
 public:
  Task<Result<void>> handle(Request& request, ResponseWriter& response) override {
    WRENN_CO_TRY_ASSIGN(const std::string body, co_await read_all(request.body(), 4 << 20));
    co_return co_await response.send(200, Headers().with("X-Echo", "yes"), body);
  }
};

class TlsServerTest : public TlsTest {
 protected:
  void SetUp() override {
    auto listener = Listener::listen(loop, *Endpoint::tcp("127.0.0.1", 0));
    ASSERT_TRUE(listener);
    port = listener->port();
    http.emplace(echo, HttpServerOptions{.security = server_side(authority.server())});
    scope.spawn(http->serve(std::move(*listener)));
  }
  void TearDown() override {
    scope.request_stop();
    loop.block_on(scope.join());
  }

  // Written out for a program that wants files: their common directory.
  base::Path files(const TlsIdentity& identity) {
    const base::Path& in = dir.path();
    EXPECT_TRUE(base::write_file_atomic(in / "certificate", identity.certificate));
    EXPECT_TRUE(base::write_file_atomic(in / "key", identity.key.reveal(), 0600));
    EXPECT_TRUE(base::write_file_atomic(in / "authorities", identity.authorities));
    return in;
  }

  Echo echo;
  base::TempDir dir = *base::TempDir::create();
  std::optional<HttpServer> http;
  TaskScope scope{loop};
  std::uint16_t port = 0;
};

Task<Result<std::string>> post(HttpClient& client, std::string body) {
  WRENN_CO_TRY_ASSIGN(auto response,
                      co_await client.send({.method = "POST", .body = std::move(body)}));
  co_return co_await read_all(response, 4 << 20);
}

TEST_F(TlsServerTest, HttpGoesThroughIt) {
  HttpClient http_client(*Endpoint::tcp("127.0.0.1", port),
                         {.security = client_side(authority.client())});
  const std::string bytes = numbers(1 << 20);
  for (int i = 0; i < 3; ++i) {
    const auto answer = loop.block_on(with_timeout(kDeadline, post(http_client, bytes)));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(*answer == bytes);
  }
  // The connection was kept.
  EXPECT_EQ(http->connections(), 1u);
}

TEST_F(TlsServerTest, HttpSaysWhoIsNotAccepted) {
  HttpClient wrong_server(*Endpoint::tcp("127.0.0.1", port),
                          {.security = client_side(authority.client(), "wrenn:host:2")});
  const auto refused = loop.block_on(with_timeout(kDeadline, post(wrong_server, "x")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnauthenticated);
  HttpClient plain(*Endpoint::tcp("127.0.0.1", port), {});
  EXPECT_FALSE(loop.block_on(with_timeout(kDeadline, post(plain, "x"))));
}

// What OpenSSL's client gets for a request, or says. `options`: of "openssl s_client".
class PeerTest : public TlsServerTest {
 protected:
  std::string ask(const std::string& options) {
    const base::Path& in = dir.path();
    const std::string command = base::concat(
        "printf 'POST / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: "
        "5\\r\\n\\r\\nhello' | timeout 60 openssl s_client -quiet -connect 127.0.0.1:",
        port, " -CAfile ", (in / "authorities").string(), " -verify_return_error ", options, " >",
        (in / "output").string(), " 2>&1");
    EXPECT_TRUE(loop.block_on(run(pool, command)));
    return base::read_file(in / "output").value_or("");
  }
  static std::string with_certificate(const base::Path& in) {
    return base::concat("-cert ", (in / "certificate").string(), " -key ", (in / "key").string());
  }

  BlockingPool pool{1};

 private:
  static Task<Result<void>> run(BlockingPool& pool, std::string command) {
    co_return co_await pool.run([&command]() -> Result<void> {
      // It fails where the test wants it to; what it says is in its output.
      if (std::system(command.c_str()) < 0) return base::fail(Code::kInternal, "cannot run");
      return {};
    });
  }
};

TEST_F(PeerTest, AnIndependentClientIsServed) {
  const std::string output = ask(with_certificate(files(authority.client())));
  EXPECT_NE(output.find("X-Echo: yes"), std::string::npos) << output;
  EXPECT_NE(output.find("hello"), std::string::npos) << output;
}

TEST_F(PeerTest, NoCertificateAndOldVersionsAreRefused) {
  const std::string with = with_certificate(files(authority.client()));
  const std::string without = ask("");
  EXPECT_EQ(without.find("X-Echo"), std::string::npos) << without;
  EXPECT_NE(without.find("certificate required"), std::string::npos) << without;
  const std::string old = ask(base::concat(with, " -tls1_2"));
  EXPECT_EQ(old.find("X-Echo"), std::string::npos) << old;
  EXPECT_NE(old.find("protocol version"), std::string::npos) << old;
}

}  // namespace
}  // namespace wrenn::net
