#include "control/hosts/host_directory.h"

#include <gtest/gtest.h>

#include "base/id.h"
#include "db/test_database.h"

namespace wrenn::control {
namespace {

using base::Code;
using Texts = std::vector<std::string>;

constexpr const char* kLocalProxy = "unix:/run/wrenn/proxy.sock";

TEST(HostDirectoryTest, IdsAreOfTheirNamesAlone) {
  EXPECT_EQ(local_host_id(), "host-0000000000000000000000000");
  EXPECT_TRUE(base::is_id(base::kHostPrefix, host_id_of("east")));
  EXPECT_EQ(host_id_of("east"), host_id_of("east"));
  EXPECT_NE(host_id_of("east"), host_id_of("west"));
}

TEST(HostDirectoryTest, AnAddressAloneIsTheLocalHosts) {
  const auto hosts = parse_hosts({"unix:/run/a=b/agent.sock"}, {}, kLocalProxy).value();
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].name, "local");
  EXPECT_EQ(hosts[0].id, local_host_id());
  EXPECT_EQ(hosts[0].agent.path(), "/run/a=b/agent.sock");
  EXPECT_EQ(hosts[0].proxy.path(), "/run/wrenn/proxy.sock");
}

TEST(HostDirectoryTest, SeveralHostsHaveNames) {
  const auto hosts =
      parse_hosts({"unix:/run/agent.sock", "east=unix:/run/e/agent.sock", "west=10.0.0.2:9091"},
                  {"unix:/run/x.sock", "west=10.0.0.2:9092"}, kLocalProxy)
          .value();
  ASSERT_EQ(hosts.size(), 3u);
  EXPECT_EQ(hosts[0].proxy.path(), "/run/x.sock");
  EXPECT_EQ(hosts[1].id, host_id_of("east"));
  EXPECT_EQ(hosts[1].proxy.path(), "/run/e/proxy.sock") << "beside its agent";
  EXPECT_EQ(hosts[2].agent.to_string(), "10.0.0.2:9091");
  EXPECT_EQ(hosts[2].proxy.to_string(), "10.0.0.2:9092");
}

TEST(HostDirectoryTest, WhatIsMissingOrSaidTwiceIsRefused) {
  const auto code = [](const Texts& agents, const Texts& proxies) {
    return parse_hosts(agents, proxies, kLocalProxy).error().code;
  };
  EXPECT_EQ(code({"unix:/a", "local=unix:/b"}, {}), Code::kInvalidArgument);
  EXPECT_EQ(code({"East=unix:/a"}, {}), Code::kInvalidArgument);
  EXPECT_EQ(code({"=unix:/a"}, {}), Code::kInvalidArgument);
  EXPECT_EQ(code({"east=nowhere"}, {}), Code::kInvalidArgument);
  EXPECT_EQ(code({"east=10.0.0.2:9091"}, {}), Code::kInvalidArgument) << "where is its proxy?";
  EXPECT_EQ(code({"unix:/a"}, {"east=unix:/p"}), Code::kInvalidArgument);
}

TEST(HostDirectoryTest, OnlyTheNamedOnesAreKnown) {
  const HostDirectory directory(parse_hosts({"east=unix:/run/agent.sock"}, {}, "").value());
  EXPECT_EQ(directory.agent(host_id_of("east")).value()->address(), "unix:/run/agent.sock");
  EXPECT_EQ(directory.agent(local_host_id()).error().code, Code::kUnavailable);
  EXPECT_EQ(directory.agent(std::nullopt).error().code, Code::kUnavailable);
}

TEST(HostDirectoryTest, AHostThatIsNotNamedAnyMoreIsOffline) {
  db::TestDatabase test;
  db::Database& database = test.database;
  db::HostStore store(database);
  const auto both = parse_hosts({"unix:/a", "east=unix:/b"}, {}, kLocalProxy).value();
  ASSERT_TRUE(register_hosts(store, both));
  ASSERT_TRUE(store.heartbeat(host_id_of("east")).value());
  ASSERT_TRUE(register_hosts(store, {both[0]}));
  EXPECT_EQ(store.get(host_id_of("east"))->status, db::HostStatus::kOffline);
  EXPECT_EQ(store.get(local_host_id())->status, db::HostStatus::kUnreachable) << "not heard yet";
}

}  // namespace
}  // namespace wrenn::control
