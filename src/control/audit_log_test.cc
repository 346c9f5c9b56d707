#include "control/audit_log.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

struct Fixture {
  db::TestDatabase test;
  db::AuditStore store{test.database};
  net::BlockingPool pool{1};
  net::Loop loop;

  bool flush(AuditLog& log) {
    bool is_written = false;
    loop.block_on(flush_into(log, is_written));
    return is_written;
  }
  static net::Task<void> flush_into(AuditLog& log, bool& is_written) {
    is_written = (co_await log.flush()).has_value();
  }
  std::size_t stored() { return store.list({.with_admins = true, .limit = 10'000}).value().size(); }
};

TEST(HostAuditLogTest, AllThatWaitsIsWrittenOnce) {
  Fixture world;
  AuditLog log(world.store, world.pool);
  for (int i = 0; i < 450; ++i) log.add({.action = "a", .resource_type = "t"});
  EXPECT_EQ(world.stored(), 0u);
  EXPECT_TRUE(world.flush(log));
  EXPECT_TRUE(world.flush(log));
  EXPECT_EQ(world.stored(), 450u);
  EXPECT_EQ(log.lost(), 0u);
}

TEST(HostAuditLogTest, OneTooManyIsCounted) {
  Fixture world;
  AuditLog log(world.store, world.pool, 2);
  for (int i = 0; i < 5; ++i) log.add({.action = "a", .resource_type = "t"});
  EXPECT_EQ(log.lost(), 3u);
  EXPECT_TRUE(world.flush(log));
  EXPECT_EQ(world.stored(), 2u);
}

TEST(HostAuditLogTest, WhatTheDatabaseWillNeverTakeHoldsNothingUp) {
  Fixture world;
  AuditLog log(world.store, world.pool);
  ASSERT_TRUE(world.test.database.write().execute_script("ALTER TABLE audit_logs RENAME TO kept"));
  log.add({.action = "a", .resource_type = "t"});
  EXPECT_TRUE(world.flush(log));
  EXPECT_EQ(log.lost(), 1u);
  ASSERT_TRUE(world.test.database.write().execute_script("ALTER TABLE kept RENAME TO audit_logs"));
  log.add({.action = "a", .resource_type = "t"});
  EXPECT_TRUE(world.flush(log));
  EXPECT_EQ(world.stored(), 1u);
}

TEST(HostAuditLogTest, WhatClientsSayIsPlain) {
  EXPECT_EQ(plain_text("curl/8", 20), "curl/8");
  EXPECT_EQ(plain_text("a\n\xff\x7f b", 20), "a??? b");
  EXPECT_EQ(plain_text(std::string_view("\0x", 2), 1), "?");
}

}  // namespace
}  // namespace wrenn::control
