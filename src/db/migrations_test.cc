#include "db/migrations.h"

#include <array>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "db/sandbox_state.h"
#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;

class MigrationsTest : public testing::Test {
 protected:
  Database open() const { return Database::open(path_).value(); }
  base::TempDir temp_ = base::TempDir::create().value();
  base::Path path_ = temp_.path() / "test.db";
};

constexpr Migration kFirst{1, "0001_first", "CREATE TABLE a (x TEXT); CREATE TABLE b (x TEXT);"};
constexpr Migration kSecond{2, "0002_second", "ALTER TABLE a ADD COLUMN y BIGINT;"};
constexpr Migration kBroken{2, "0002_broken", "CREATE TABLE c (x TEXT); CREATE NONSENSE;"};

TEST_F(MigrationsTest, EmbeddedOnesAreNumberedFromOne) {
  int expected = 1;
  for (const auto& migration : embedded_migrations()) {
    EXPECT_EQ(migration.number, expected++);
    EXPECT_FALSE(migration.sql.empty());
  }
  EXPECT_GT(expected, 1);
}

TEST_F(MigrationsTest, TheSchemaHasTheDefaultTeamAndKnowsEveryState) {
  auto db = open_and_migrate(base::Secret(path_)).value();
  const auto teams = db.read().query("SELECT id FROM teams").value();
  ASSERT_EQ(teams.size(), 1u);
  EXPECT_EQ(teams[0].text(0), kDefaultTeam);
  for (const auto state : kAllSandboxStates) {
    const std::string name(state_name(state));
    EXPECT_TRUE(db.write().execute(
        "INSERT INTO sandboxes (id, team_id, template, status, vcpus, memory_mb, disk_mb, "
        "timeout_sec, created_at, updated_at) VALUES ($1, $2, 'minimal', $1, 1, 1, 1, 0, 0, 0)",
        {name, std::string(kDefaultTeam)}))
        << name;
  }
}

TEST_F(MigrationsTest, SandboxesAndTheirPortsOutliveTheTableMadeAnew) {
  {
    auto db = open();
    ASSERT_EQ(migrate(db, std::span(embedded_migrations()).first(3)).value(), 3);
    auto session = db.write();
    ASSERT_TRUE(session.execute(
        "INSERT INTO sandboxes (id, team_id, template, status, vcpus, memory_mb, disk_mb, "
        "timeout_sec, created_at, updated_at, pause_mode, paused_at) "
        "VALUES ('cl-a', $1, 'minimal', 'paused', 3, 1, 1, 0, 5, 6, 'disk', 7)",
        {std::string(kDefaultTeam)}));
    ASSERT_TRUE(
        session.execute("INSERT INTO public_ports (sandbox_id, port) VALUES ('cl-a', 8080)"));
  }
  auto db = open_and_migrate(base::Secret(path_));
  ASSERT_TRUE(db) << db.error().to_string();
  const auto rows =
      db->read()
          .query(
              "SELECT vcpus, pause_mode, paused_at, archive, port FROM sandboxes "
              "JOIN public_ports ON sandbox_id = sandboxes.id WHERE sandboxes.id = 'cl-a'")
          .value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].integer(0), 3);
  EXPECT_EQ(rows[0].text(1), "disk");
  EXPECT_EQ(rows[0].integer(2), 7);
  EXPECT_EQ(rows[0].text(3), "");
  EXPECT_EQ(rows[0].integer(4), 8080);
  EXPECT_FALSE(
      db->write().execute("INSERT INTO public_ports (sandbox_id, port) VALUES ('cl-none', 1)"))
      << "a port is still of a sandbox";
}

TEST_F(MigrationsTest, ApplyingTwiceChangesNothing) {
  for (int i = 0; i < 2; ++i) {
    auto db = open_and_migrate(base::Secret(path_));
    ASSERT_TRUE(db) << db.error().to_string();
    const auto rows = db->read().query("SELECT COUNT(*) FROM schema_migrations").value();
    EXPECT_EQ(rows[0].integer(0), static_cast<std::int64_t>(embedded_migrations().size()));
  }
}

TEST_F(MigrationsTest, OnlyWhatIsMissingIsApplied) {
  auto db = open();
  EXPECT_EQ(migrate(db, std::array{kFirst}).value(), 1);
  EXPECT_EQ(migrate(db, std::array{kFirst, kSecond}).value(), 2);
  EXPECT_TRUE(db.write().execute("INSERT INTO a (x, y) VALUES ('x', 1)"));
}

TEST_F(MigrationsTest, AFailureLeavesTheOldSchema) {
  auto db = open();
  ASSERT_TRUE(migrate(db, std::array{kFirst}));
  const auto failed = migrate(db, std::array{kFirst, kBroken});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("0002_broken"), std::string::npos);
  EXPECT_FALSE(db.read().query("SELECT * FROM c")) << "rolled back";
  EXPECT_EQ(migrate(db, std::array{kFirst, kSecond}).value(), 2);
}

TEST_F(MigrationsTest, ANewerSchemaIsRefused) {
  auto db = open();
  ASSERT_TRUE(migrate(db, std::array{kFirst, kSecond}));
  const auto older = migrate(db, std::array{kFirst});
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, Code::kFailedPrecondition);
  EXPECT_NE(older.error().remedy.find("newer version"), std::string::npos);
}

TEST_F(MigrationsTest, AChangedMigrationIsRefused) {
  auto db = open();
  ASSERT_TRUE(migrate(db, std::array{kFirst}));
  auto changed = kFirst;
  changed.sql = "CREATE TABLE a (x BIGINT);";
  EXPECT_EQ(migrate(db, std::array{changed}).error().code, Code::kFailedPrecondition);
}

TEST_F(MigrationsTest, SeveralProgramsMayStartAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      auto db = open_and_migrate(base::Secret(path_));
      EXPECT_TRUE(db) << db.error().to_string();
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace wrenn::db
