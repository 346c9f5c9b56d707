#include "proxy/address.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::proxy {
namespace {

using base::Code;

constexpr std::string_view kId = "cl-0000000000000000000000001";

std::optional<PortAddress> host_address(const std::string& host) {
  const auto parsed = parse_host(host, "Example.com");
  EXPECT_TRUE(parsed) << host << ": " << parsed.error().message;
  return parsed.value_or(std::nullopt);
}

TEST(ParseHost, ReadsPortAndSandbox) {
  const PortAddress expected{std::string(kId), 8888};
  for (const auto& host : {
           base::concat("8888-", kId, ".example.com"),
           base::concat("8888-", kId, ".example.com:8080"),
           base::concat("8888-CL-0000000000000000000000001.EXAMPLE.com"),
       }) {
    EXPECT_EQ(host_address(host), expected) << host;
  }
}

TEST(ParseHost, LeavesOtherHostsAlone) {
  for (const auto& host : {
           std::string("example.com"),
           std::string("api.example.com"),
           std::string("localhost"),
           std::string(""),
           std::string("[::1]:80"),
           std::string("127.0.0.1:80"),
           base::concat("80-", kId, ".other.com"),
           base::concat("80-", kId, ".a.example.com"),
           base::concat("80-", kId),
           base::concat("-", kId, ".example.com"),
           base::concat("80x-", kId, ".example.com"),
       }) {
    EXPECT_EQ(host_address(host), std::nullopt) << host;
  }
}

TEST(ParseHost, RefusesABadPortOrId) {
  for (const auto& host : {
           base::concat("0-", kId, ".example.com"),
           base::concat("65536-", kId, ".example.com"),
           base::concat("080-", kId, ".example.com"),
           std::string("80-.example.com"),
           std::string("80-cl-short.example.com"),
           base::concat("80-", kId, "0.example.com"),
       }) {
    const auto parsed = parse_host(host, "example.com");
    ASSERT_FALSE(parsed) << host;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument) << host;
  }
}

TEST(ParsePath, KeepsTheRestByteForByte) {
  for (const std::string_view rest : {"", "/", "//", "/a%2Fb//c/?x=/1#", "?x=1", "/..", "/a;b"}) {
    const std::string target = base::concat("/proxy/", kId, "/3000", rest);
    const auto parsed = parse_path(target);
    ASSERT_TRUE(parsed && *parsed) << target;
    EXPECT_EQ((*parsed)->address, (PortAddress{std::string(kId), 3000})) << target;
    EXPECT_EQ((*parsed)->rest, rest);
    EXPECT_EQ(path_prefix((*parsed)->address) + std::string((*parsed)->rest), target);
  }
}

TEST(ParsePath, LeavesOtherPathsAlone) {
  for (const std::string_view target :
       {"/", "/proxy", "/proxyx/a/1", "*", "", "/v1/proxy/", "//proxy/"}) {
    const auto parsed = parse_path(target);
    EXPECT_TRUE(parsed && !*parsed) << target;
  }
}

TEST(ParsePath, RefusesABadPortOrId) {
  for (const std::string& target : {
           std::string("/proxy/"),
           std::string("/proxy//80/"),
           base::concat("/proxy/", kId),
           base::concat("/proxy/", kId, "/"),
           base::concat("/proxy/", kId, "/?x"),
           base::concat("/proxy/", kId, "?x/80/"),
           base::concat("/proxy/", kId, "/0/"),
           base::concat("/proxy/", kId, "/65536/"),
           base::concat("/proxy/", kId, "/%38080/"),
           base::concat("/proxy/", kId, "/+80/"),
           base::concat("/proxy/", kId, "//80"),
           std::string("/proxy/..%2f/80/"),
       }) {
    const auto parsed = parse_path(target);
    ASSERT_FALSE(parsed) << target;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument) << target;
  }
}

}  // namespace
}  // namespace wrenn::proxy
