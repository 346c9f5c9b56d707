#include "agent/remote_access.h"

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

using base::Code;

TEST(RemoteAccess, TheProxyHasTheNextPortUnlessItIsSaid) {
  const auto places = parse_places({.address = "203.0.113.7:50051"}).value();
  EXPECT_EQ(places.addresses.agent, "203.0.113.7:50051");
  EXPECT_EQ(places.addresses.proxy, "203.0.113.7:50052");
  EXPECT_EQ(places.agent_listen.to_string(), "203.0.113.7:50051");
  const auto behind = parse_places({.address = "203.0.113.7:50051",
                                    .proxy_address = "203.0.113.8:80",
                                    .listen_ip = "0.0.0.0"})
                          .value();
  EXPECT_EQ(behind.addresses.proxy, "203.0.113.8:80");
  EXPECT_EQ(behind.agent_listen.to_string(), "0.0.0.0:50051");
  EXPECT_EQ(behind.proxy_listen.to_string(), "0.0.0.0:80");
  const auto six = parse_places({.address = "[2001:db8::1]:50051"}).value();
  EXPECT_EQ(six.addresses.proxy, "[2001:db8::1]:50052");
}

TEST(RemoteAccess, WhatOthersCannotReachIsRefused) {
  for (const char* text : {"", "203.0.113.7", ":50051", "0.0.0.0:50051", "[::]:1", "unix:/run/x",
                           "203.0.113.7:0", "203.0.113.7:65535", "a.name:50051"}) {
    const auto places = parse_places({.address = text});
    ASSERT_FALSE(places) << text;
    EXPECT_EQ(places.error().code, Code::kInvalidArgument) << text;
  }
}

TEST(RemoteAccess, SaysWhatIsMissing) {
  const auto dir = base::TempDir::create();
  EXPECT_FALSE(open_remote_access({}, dir->path()).value().has_value());
  const auto no_address = open_remote_access({.token = base::Secret("x")}, dir->path());
  EXPECT_EQ(no_address.error().code, Code::kInvalidArgument);
  const auto no_token = open_remote_access({.address = "203.0.113.7:1"}, dir->path());
  EXPECT_EQ(no_token.error().code, Code::kFailedPrecondition);
  const auto nowhere =
      open_remote_access({.token = base::Secret("x"), .address = "203.0.113.7:1"}, dir->path());
  EXPECT_EQ(nowhere.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace wrenn::agent
