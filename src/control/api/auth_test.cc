#include "control/api/auth.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

std::string key(net::Headers headers) {
  const auto found = key_of(headers);
  return found ? std::string(found->reveal()) : std::string(wire_name(found.error().code));
}

TEST(AuthTest, TakesTheKeyFromEitherHeader) {
  EXPECT_EQ(key(net::Headers().with("X-API-Key", "wrn_1")), "wrn_1");
  EXPECT_EQ(key(net::Headers().with("Authorization", "Bearer wrn_2")), "wrn_2");
  EXPECT_EQ(key(net::Headers().with("Authorization", "bearer  wrn_2 ")), "wrn_2");
  EXPECT_EQ(key(net::Headers().with("X-API-Key", "a").with("Authorization", "Bearer b")), "a");
}

TEST(AuthTest, RefusesARequestWithoutOne) {
  EXPECT_EQ(key({}), "unauthorized");
  EXPECT_EQ(key(net::Headers().with("X-API-Key", "")), "unauthorized");
  EXPECT_EQ(key(net::Headers().with("Authorization", "Basic abc")), "unauthorized");
  EXPECT_EQ(key(net::Headers().with("Authorization", "Bear")), "unauthorized");
}

TEST(AuthTest, AProxyOfThisMachineSaysWhereARequestCameFrom) {
  const auto said = [](std::string_view chain) {
    return net::Headers().with("X-Forwarded-For", chain);
  };
  EXPECT_EQ(client_address("127.0.0.1", said("203.0.113.7")), "203.0.113.7");
  EXPECT_EQ(client_address("127.0.0.1", said("10.0.0.1, 2001:db8::1 ")), "2001:db8::1");
  EXPECT_EQ(client_address("192.0.2.1", said("203.0.113.7")), "192.0.2.1") << "anybody may say so";
  EXPECT_EQ(client_address("127.0.0.1", {}), "127.0.0.1");
  for (const char* nonsense : {"unknown", "203.0.113.7,", "<script>", "203.0.113.7:80 x"}) {
    EXPECT_EQ(client_address("127.0.0.1", said(nonsense)), "127.0.0.1") << nonsense;
  }
  EXPECT_EQ(client_address("127.0.0.1", said(std::string(46, '1'))), "127.0.0.1");
}

TEST(AuthTest, WhatAKeyHasToBeGoodFor) {
  EXPECT_EQ(scope_of("GET", "/v1/capsules"), "sandboxes:read");
  EXPECT_EQ(scope_of("HEAD", "/v1/capsules/cl-1"), "sandboxes:read");
  EXPECT_EQ(scope_of("POST", "/v1/capsules"), "sandboxes:write");
  // They begin with a GET and change what there is.
  EXPECT_EQ(scope_of("GET", "/v1/capsules/cl-1/pty"), "sandboxes:write");
  EXPECT_EQ(scope_of("GET", "/v1/capsules/cl-1/exec/stream"), "sandboxes:write");
  EXPECT_EQ(scope_of("DELETE", "/v1/snapshots/x"), "templates:write");
  EXPECT_EQ(scope_of("GET", "/v1/snapshots"), "templates:read");
  EXPECT_EQ(scope_of("GET", "/v1/capsulesx"), "");
  EXPECT_EQ(scope_of("GET", "/v1/quota"), "sandboxes:read");
  EXPECT_EQ(scope_of("GET", "/v1/me"), "");
}

}  // namespace
}  // namespace wrenn::control
