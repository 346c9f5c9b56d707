#include "cli/api_url.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(ApiUrl, ReadsHostPortAndPrefix) {
  const auto url = ApiUrl::parse("http://example.org:8080/wrenn/");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(url->base_path, "/wrenn");
  EXPECT_EQ(url->authority(), "example.org:8080");
  EXPECT_FALSE(url->is_loopback());
}

TEST(ApiUrl, ReadsIpv6) {
  const auto url = ApiUrl::parse("http://[::1]:9000");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->authority(), "[::1]:9000");
  EXPECT_TRUE(url->is_loopback());
  EXPECT_EQ(ApiUrl::parse("http://[::1]/")->authority(), "[::1]");
}

TEST(ApiUrl, SaysThatTlsIsNotSupported) {
  const auto url = ApiUrl::parse("https://example.org");
  ASSERT_FALSE(url.has_value());
  EXPECT_NE(url.error().message.find("only http:// addresses are supported"), std::string::npos);
}

TEST(ApiUrl, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", "localhost:8080", "http://", "http://:80", "http://a:0", "http://a:65536", "http://a:b",
        "http://a:", "http://[::1", "http://[::1]8", "http://a b", "http://user@a", "http://a/x y",
        "http://a/?q", "http://a\r\nb", "ftp://a"}) {
    EXPECT_FALSE(ApiUrl::parse(text).has_value()) << text;
  }
}

TEST(UrlOfListener, IsReachableFromTheSameMachine) {
  EXPECT_EQ(url_of_listener("127.0.0.1:8080"), "http://127.0.0.1:8080");
  EXPECT_EQ(url_of_listener("0.0.0.0:80"), "http://127.0.0.1:80");
  EXPECT_EQ(url_of_listener("[::]:8080"), "http://[::1]:8080");
  for (const char* text : {"", "8080", "127.0.0.1:0", "unix:/run/a.sock"}) {
    EXPECT_FALSE(url_of_listener(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace wrenn::cli
