// What is PostgreSQL's own; that the stores work on it is shown by their own tests.
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "db/migrations.h"
#include "db/test_postgres.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;

class PostgresTest : public testing::Test {
 protected:
  PostgresTest() {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::string lower;
    for (const char c : name) lower += static_cast<char>(std::tolower(c));
    execute_script(server_.admin(), concat("CREATE DATABASE ", lower));
    url_ = server_.url(lower);
    database_.emplace(Database::connect(url_).value());
    execute_script(*database_, "CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT)");
  }
  static void execute_script(Database&& database, const std::string& sql) {
    execute_script(database, sql);
  }
  static void execute_script(Database& database, const std::string& sql) {
    const auto done = database.write().execute_script(sql);
    ASSERT_TRUE(done) << done.error().to_string();
  }
  std::int64_t count() {
    const auto rows = database_->read().query("SELECT COUNT(*) FROM t");
    EXPECT_TRUE(rows) << rows.error().to_string();
    return rows ? rows->front().integer(0) : -1;
  }

  TestPostgres& server_ = TestPostgres::instance();
  base::Secret url_;
  std::optional<Database> database_;
};

TEST_F(PostgresTest, ValuesComeBackAsTheyWent) {
  Session session = database_->write();
  const std::string text = "ä \\ ' \" $1";
  EXPECT_EQ(session.execute("INSERT INTO t (id, name) VALUES ($1, $2)", {INT64_MAX, text}).value(),
            1);
  EXPECT_EQ(
      session.execute("INSERT INTO t (id, name) VALUES ($1, $2)", {INT64_MIN, Value()}).value(), 1);
  const auto rows =
      session.query("SELECT id, name, id > 0, COUNT(*) OVER (), 1 + 1 FROM t ORDER BY id").value();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].integer(0), INT64_MIN);
  EXPECT_TRUE(rows[0].is_null(1));
  EXPECT_EQ(rows[1].integer(0), INT64_MAX);
  EXPECT_EQ(rows[1].text(1), text);
  EXPECT_EQ(rows[1].integer(2), 1);
  EXPECT_EQ(rows[1].integer(3), 2);
  EXPECT_EQ(rows[1].integer(4), 2);
  EXPECT_EQ(session.query("SELECT SUM(id) FROM t").value().front().integer(0), -1);
  EXPECT_EQ(session.execute("UPDATE t SET name = 'x' WHERE id > $1", {std::int64_t{0}}).value(), 1);
  EXPECT_EQ(session.execute("SELECT id FROM t").value(), 0) << "nothing was changed";
  const auto refused = session.execute("UPDATE t SET name = $1", {std::string("a\0b", 3)});
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
}

TEST_F(PostgresTest, ErrorsHaveTheirCodes) {
  Session session = database_->write();
  EXPECT_TRUE(session.execute("INSERT INTO t (id) VALUES (1)"));
  EXPECT_EQ(session.execute("INSERT INTO t (id) VALUES (1)").error().code, Code::kAlreadyExists);
  EXPECT_EQ(session.execute("INSERT INTO t (id) VALUES (NULL)").error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(session.execute("SELECT nonsense").error().code, Code::kInternal);
  EXPECT_EQ(database_->read().execute("INSERT INTO t (id) VALUES (2)").error().code,
            Code::kPermissionDenied);
  const auto away =
      Database::connect(base::Secret("postgres://u:hunter2@/none?host=/nonexistent-directory"));
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, Code::kUnavailable);
  EXPECT_EQ(away.error().to_string().find("hunter2"), std::string::npos);
}

TEST_F(PostgresTest, AFailedTransactionIsNotCommitted) {
  {
    Session session = database_->write();
    auto transaction = Transaction::begin(session);
    ASSERT_TRUE(transaction);
    EXPECT_TRUE(session.execute("INSERT INTO t (id) VALUES (1)"));
    EXPECT_FALSE(session.execute("INSERT INTO t (id) VALUES (1)"));
    EXPECT_FALSE(transaction->commit());
  }
  EXPECT_EQ(count(), 0);
  Session session = database_->write();
  EXPECT_TRUE(session.execute("INSERT INTO t (id) VALUES (2)")) << "the connection goes on";
}

TEST_F(PostgresTest, ALostTransactionIsLostAsAWhole) {
  {
    Session session = database_->write();
    auto transaction = Transaction::begin(session);
    ASSERT_TRUE(transaction);
    EXPECT_TRUE(session.execute("INSERT INTO t (id) VALUES (1)"));
    execute_script(server_.admin(),
                   "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                   "WHERE datname = 'alosttransactionislostasawhole' AND state LIKE 'idle in%'");
    EXPECT_EQ(session.execute("INSERT INTO t (id) VALUES (2)").error().code, Code::kUnavailable);
    EXPECT_EQ(session.execute("INSERT INTO t (id) VALUES (3)").error().code, Code::kUnavailable);
    EXPECT_FALSE(transaction->commit());
  }
  EXPECT_EQ(count(), 0);
  EXPECT_TRUE(database_->write().execute("INSERT INTO t (id) VALUES (4)"));
}

TEST_F(PostgresTest, AServerThatWasAwayIsFoundAgain) {
  EXPECT_TRUE(database_->write().execute("INSERT INTO t (id) VALUES ($1)", {std::int64_t{1}}));
  server_.stop();
  EXPECT_EQ(database_->write().execute("INSERT INTO t (id) VALUES (2)").error().code,
            Code::kUnavailable);
  EXPECT_EQ(database_->read().query("SELECT id FROM t").error().code, Code::kUnavailable);
  server_.start();
  EXPECT_TRUE(database_->write().execute("INSERT INTO t (id) VALUES ($1)", {std::int64_t{3}}));
  EXPECT_EQ(count(), 2);
  // Nobody used it while it was away: then nobody notices.
  server_.stop();
  server_.start();
  EXPECT_TRUE(database_->write().execute("INSERT INTO t (id) VALUES ($1)", {std::int64_t{4}}));
  EXPECT_EQ(count(), 3);
}

TEST_F(PostgresTest, TransactionsRunOneAfterTheOther) {
  constexpr int kPrograms = 4;
  constexpr int kRounds = 25;
  std::vector<std::thread> programs;
  for (int i = 0; i < kPrograms; ++i) {
    programs.emplace_back([this] {
      Database own = Database::connect(url_).value();
      for (int round = 0; round < kRounds; ++round) {
        Session session = own.write();
        auto transaction = Transaction::begin(session);
        ASSERT_TRUE(transaction) << transaction.error().to_string();
        const auto found = session.query("SELECT COUNT(*) FROM t").value().front().integer(0);
        ASSERT_TRUE(session.execute("INSERT INTO t (id) VALUES ($1)", {found}));
        ASSERT_TRUE(transaction->commit());
      }
    });
  }
  for (auto& program : programs) program.join();
  EXPECT_EQ(count(), kPrograms * kRounds);
}

TEST_F(PostgresTest, ProgramsThatStartAtOnceMigrateOnce) {
  constexpr int kPrograms = 4;
  std::latch ready(kPrograms);
  std::vector<std::thread> programs;
  for (int i = 0; i < kPrograms; ++i) {
    programs.emplace_back([this, &ready] {
      ready.arrive_and_wait();
      const auto opened = open_and_migrate(url_);
      EXPECT_TRUE(opened) << opened.error().to_string();
    });
  }
  for (auto& program : programs) program.join();
  const auto rows = database_->read().query("SELECT COUNT(*) FROM schema_migrations").value();
  EXPECT_EQ(rows.front().integer(0), static_cast<std::int64_t>(embedded_migrations().size()));
}

}  // namespace
}  // namespace wrenn::db
