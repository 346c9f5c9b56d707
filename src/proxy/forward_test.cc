#include "proxy/forward.h"

#include <gtest/gtest.h>

namespace wrenn::proxy {
namespace {

const std::string kId = "cl-0000000000000000000000001";

Rewriter in_path() {
  return Rewriter({{kId, 3000}, AddressForm::kPath, "https", "example.com"});
}

std::string text_of(const net::Headers& headers) {
  std::string text;
  headers.write_to(text);
  return text;
}

std::string forwarded(const net::Headers& fields) {
  const Credentials credentials{.fields = {"X-API-Key", "X-Traffic-Token"},
                                .cookies = {"wrenn_port"}};
  return text_of(request_fields(fields, in_path(), "192.0.2.1", credentials));
}

const std::string kAdded =
    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: example.com\r\nX-Forwarded-Proto: https\r\n"
    "X-Forwarded-Prefix: /proxy/" +
    kId + "/3000\r\n";

TEST(RequestFields, TheApplicationSeesItsOwnHost) {
  EXPECT_EQ(forwarded(net::Headers().with("Host", "example.com").with("Accept", "*/*")),
            "Host: localhost:3000\r\nAccept: */*\r\n" + kAdded);
}

TEST(RequestFields, ClientsCannotPretend) {
  EXPECT_EQ(forwarded(net::Headers()
                          .with("Host", "example.com")
                          .with("x-forwarded-FOR", "10.0.0.1")
                          .with("X_Forwarded_Proto", "http")
                          .with("X-Forwarded-User", "root")
                          .with("Forwarded", "for=10.0.0.1")
                          .with("X-Real-IP", "10.0.0.1")),
            "Host: localhost:3000\r\n" + kAdded);
}

TEST(RequestFields, WhatConcernsOneConnectionStays) {
  EXPECT_EQ(forwarded(net::Headers()
                          .with("Host", "example.com")
                          .with("Connection", "keep-alive, X-Hop")
                          .with("Keep-Alive", "timeout=5")
                          .with("X-Hop", "1")
                          .with("TE", "trailers, deflate")
                          .with("Transfer-Encoding", "chunked")
                          .with("Content-Length", "5")
                          .with("Upgrade", "h2c")
                          .with("Proxy-Authorization", "Basic eDp5")),
            "Host: localhost:3000\r\nTE: trailers\r\n" + kAdded);
}

TEST(RequestFields, AnUpgradeStaysOne) {
  EXPECT_EQ(forwarded(net::Headers()
                          .with("Host", "example.com")
                          .with("Connection", "keep-alive, Upgrade")
                          .with("Upgrade", "websocket")
                          .with("Sec-WebSocket-Key", "x")
                          .with("Origin", "https://example.com")),
            "Host: localhost:3000\r\nSec-WebSocket-Key: x\r\nOrigin: http://localhost:3000\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
                kAdded);
}

TEST(RequestFields, CredentialsDoNotReachTheApplication) {
  net::Headers fields;
  fields.add("x-api-key", "secret");
  fields.add("X-TRAFFIC-TOKEN", "secret");
  fields.add("Cookie", "a=1; wrenn_port=secret;b=2");
  fields.add("Cookie", "wrenn_port=secret");
  fields.add("Authorization", "Bearer of the application");
  EXPECT_EQ(
      forwarded(fields),
      "Host: localhost:3000\r\nCookie: a=1; b=2\r\nAuthorization: Bearer of the application\r\n" +
          kAdded);
}

TEST(ResponseFields, AddressesAreRewrittenAndTheConnectionsOwnStay) {
  const auto fields = net::Headers()
                          .with("Location", "/login")
                          .with("Connection", "close, X-Hop")
                          .with("X-Hop", "1")
                          .with("Content-Length", "3")
                          .with("Upgrade", "h2c")
                          .with("Server", "s");
  EXPECT_EQ(text_of(response_fields(fields, 302, in_path())),
            "Location: /proxy/" + kId + "/3000/login\r\nServer: s\r\n");
}

TEST(ResponseFields, ASwitchOfProtocolsIsPassedOn) {
  const auto fields = net::Headers()
                          .with("Connection", "upgrade")
                          .with("Upgrade", "websocket")
                          .with("Sec-WebSocket-Accept", "x");
  EXPECT_EQ(text_of(response_fields(fields, 101, in_path())),
            "Sec-WebSocket-Accept: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
}

}  // namespace
}  // namespace wrenn::proxy
