// wrenn sandbox network, against an API that gives the answers it was told.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cli/network_arguments.h"
#include "cli/session.h"
#include "cli/test_api.h"

namespace wrenn::cli {
namespace {

constexpr std::string_view kId = "cl-0000000000000000000000001";
constexpr std::string_view kReport =
    R"({"network":{"allow_internet_access":true,"allow_out":["8.8.8.8"],"deny_out":["9.9.9.9"]},)"
    R"("denials":[{"address":"9.9.9.9","protocol":"tcp","port":443,"packets":3,)"
    R"("last_at":"2026-01-01T00:00:00Z","can_be_allowed":true}]})";

class NetworkCommandTest : public testing::Test {
 protected:
  // The exit status of `wrenn sandbox network ID WORDS`.
  int run(std::vector<std::string> words) {
    Session session;
    session.flags.api_url = api_.url();
    session.flags.api_key = "wrn_key";
    CLI::App app;
    add_network_command(app, session);
    words.insert(words.begin(), {"network", std::string(kId)});
    std::ranges::reverse(words);  // As CLI11 takes it.
    app.parse(words);
    testing::internal::CaptureStdout();
    const int status = session.action().value_or(-1);
    shown_ = testing::internal::GetCapturedStdout();
    return status;
  }
  std::string put(std::string_view body) const {
    return base::concat("PUT /v1/capsules/", kId, "/network ", body);
  }

  TestApi api_;
  std::string shown_;
};

TEST_F(NetworkCommandTest, ShowsWhatHoldsAndWhatWasRefused) {
  api_.answer({.body = std::string(kReport)});
  EXPECT_EQ(run({}), 0);
  EXPECT_TRUE(
      shown_.starts_with("internet access  yes\nalways allowed   8.8.8.8\n"
                         "denied           9.9.9.9\n\nREFUSED  PROTOCOL  PORT  PACKETS  LAST\n"
                         "9.9.9.9  tcp        443        3  "))
      << shown_;
  EXPECT_EQ(api_.asked().size(), 1u);
}

TEST_F(NetworkCommandTest, WhatIsNotSaidStays) {
  api_.answer({.to = "GET", .body = std::string(kReport)});
  api_.answer({.to = "PUT", .body = "{}"});
  EXPECT_EQ(run({"--no-internet", "--allow-out", "1.1.1.1", "--allow-out", "8.0.0.0/8"}), 0);
  EXPECT_EQ(api_.asked().back(),
            put(R"({"allow_internet_access":false,"allow_out":["1.1.1.1","8.0.0.0/8"],)"
                R"("deny_out":["9.9.9.9"]})"));
  EXPECT_EQ(shown_, "");
}

TEST_F(NetworkCommandTest, NoneEmptiesAListAndStandsAlone) {
  api_.answer({.to = "GET", .body = std::string(kReport)});
  api_.answer({.to = "PUT", .body = "{}"});
  EXPECT_EQ(run({"--internet", "--deny-out", "none"}), 0);
  EXPECT_EQ(api_.asked().back(),
            put(R"({"allow_internet_access":true,"allow_out":["8.8.8.8"],"deny_out":[]})"));
  EXPECT_EQ(run({"--deny-out", "none", "--deny-out", "8.8.8.8"}), kUsage);
  EXPECT_EQ(api_.asked().size(), 2u) << "nothing was asked for that";
  Session session;
  CLI::App app;
  add_network_command(app, session);
  std::vector<std::string> both = {"--internet", "--no-internet", "cl-1", "network"};
  EXPECT_THROW(app.parse(both), CLI::ExcludesError);
}

TEST(NetworkArguments, OnlyWhatWasSaidIsThere) {
  boost::json::object network;
  EXPECT_TRUE(apply({}, network));
  EXPECT_TRUE(network.empty());
  NetworkOptions options;
  options.no_internet = true;
  options.deny_out = {"8.8.8.8"};
  EXPECT_TRUE(apply(options, network));
  EXPECT_EQ(boost::json::serialize(network),
            R"({"allow_internet_access":false,"deny_out":["8.8.8.8"]})");
}

}  // namespace
}  // namespace wrenn::cli
