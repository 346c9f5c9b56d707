#include "cli/proxy_listen.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/stream.h"

namespace wrenn::cli {
namespace {

TEST(ProxyListen, WhatIsGivenWinsOverWhatWas) {
  EXPECT_EQ(choose_proxy_listen("127.0.0.1:9", "127.0.0.1:8", "127.0.0.1:7").value(),
            "127.0.0.1:9");
  EXPECT_EQ(choose_proxy_listen("", "127.0.0.1:8", "127.0.0.1:7").value(), "127.0.0.1:8");
}

TEST(ProxyListen, IsNotWhereTheApiIs) {
  const auto same = choose_proxy_listen("127.0.0.1:7", "", "127.0.0.1:7");
  ASSERT_FALSE(same);
  EXPECT_EQ(same.error().code, base::Code::kInvalidArgument);
  // The API has moved to where the proxy was.
  EXPECT_NE(choose_proxy_listen("", "127.0.0.1:40000", "127.0.0.1:40000").value_or(""),
            "127.0.0.1:40000");
  for (const char* bad : {"8081", "127.0.0.1:0", "unix:/run/a.sock"}) {
    EXPECT_FALSE(choose_proxy_listen(bad, "", "127.0.0.1:7")) << bad;
  }
}

TEST(ProxyListen, GoesPastPortsThatAreTaken) {
  net::Loop loop;
  const auto taken = net::Listener::listen(loop, net::Endpoint::parse("127.0.0.1:0").value());
  ASSERT_TRUE(taken);
  const std::uint16_t port = taken->port();
  const std::string before = base::concat("127.0.0.1:", port - 1);
  const auto chosen = choose_proxy_listen("", "", before);
  ASSERT_TRUE(chosen) << chosen.error().to_string();
  EXPECT_TRUE(chosen->starts_with("127.0.0.1:"));
  EXPECT_NE(*chosen, before);
  EXPECT_NE(*chosen, base::concat("127.0.0.1:", port));
  EXPECT_TRUE(choose_proxy_listen("", "", "127.0.0.1:65535"));
}

}  // namespace
}  // namespace wrenn::cli
