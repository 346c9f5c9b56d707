#include "db/database.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;

class DatabaseTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(db_.write().execute_script(
        "CREATE TABLE parents (id TEXT PRIMARY KEY);"
        "CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL CHECK (n < 100),"
        "  parent TEXT REFERENCES parents (id), note TEXT UNIQUE)"));
  }
  base::Result<std::int64_t> insert(const std::string& id, std::int64_t n, const Value& parent = {},
                                    const Value& note = {}) {
    return db_.write().execute("INSERT INTO things (id, n, parent, note) VALUES ($1, $2, $3, $4)",
                               {id, n, parent, note});
  }
  std::int64_t count() {
    return db_.read().query("SELECT COUNT(*) FROM things").value().front().integer(0);
  }
  base::TempDir temp_ = base::TempDir::create().value();
  base::Path path_ = temp_.path() / "test.db";
  Database db_ = Database::open(path_).value();
};

TEST_F(DatabaseTest, FilesArePrivate) {
  ASSERT_TRUE(insert("a", 1));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info{};
    ASSERT_EQ(::stat((path_.native() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(DatabaseTest, CountsWhatGoesToIt) {
  const AccessStats& write = db_.stats().write;
  const AccessStats& read = db_.stats().read;
  EXPECT_EQ(write.connections, 1u);
  const std::uint64_t wrote = write.took.snapshot().count();
  ASSERT_TRUE(insert("a", 1));
  ASSERT_FALSE(insert("a", 1));
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(write.took.snapshot().count(), wrote + 2);
  EXPECT_EQ(read.took.snapshot().count(), 1u);
  EXPECT_EQ(read.waited.snapshot().count(), 1u);
  EXPECT_EQ(write.errors.at(static_cast<std::size_t>(Code::kAlreadyExists)).value(), 1u);
  EXPECT_EQ(read.in_use.value(), 0);
  {
    const Session held = db_.read();
    EXPECT_EQ(read.in_use.value(), 1);
  }
  EXPECT_EQ(read.in_use.value(), 0);
}

// Another process that opens and closes the file must see that it is not the last one: else it
// deletes the log, and what is written afterwards is lost when we are killed.
TEST_F(DatabaseTest, OtherProcessesSeeThatItIsInUse) {
  ASSERT_TRUE(insert("a", 1));
  const base::Fd file = base::open_file(path_, O_RDWR).value();
  // SQLite's shared lock is on these bytes. The query is by an owner that is not this process.
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0x40000000 + 2;
  lock.l_len = 510;
  ASSERT_EQ(::fcntl(file.get(), F_OFD_GETLK, &lock), 0);
  EXPECT_EQ(lock.l_type, F_RDLCK);
}

TEST_F(DatabaseTest, ValuesSurviveARoundTrip) {
  constexpr char kOdd[] = "a\0\n'\"; DROP TABLE things; -- \xc3\xbc";
  const std::string odd(kOdd, sizeof kOdd - 1);
  ASSERT_TRUE(insert(odd, -5));
  const auto rows =
      db_.read().query("SELECT id, n, parent FROM things WHERE id = $1", {odd}).value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text(0), odd);
  EXPECT_EQ(rows[0].integer(1), -5);
  EXPECT_TRUE(rows[0].is_null(2));
  EXPECT_EQ(rows[0].maybe_text(2), std::nullopt);
  EXPECT_EQ(rows[0].maybe_integer(1), -5);
}

TEST_F(DatabaseTest, ParametersAreNumberedNotPositional) {
  ASSERT_TRUE(db_.write().execute("INSERT INTO things (n, id, note) VALUES ($2, $1, $1)",
                                  {std::string("a"), std::int64_t{7}}));
  EXPECT_EQ(db_.read().query("SELECT n FROM things WHERE note = 'a'").value()[0].integer(0), 7);
  EXPECT_EQ(db_.read().query("SELECT n FROM things WHERE id = $1").error().code, Code::kInternal);
  EXPECT_EQ(db_.read().query("SELECT n FROM things WHERE id = $2", {Value()}).error().code,
            Code::kInternal);
}

TEST_F(DatabaseTest, ErrorsHaveTheirCodes) {
  ASSERT_TRUE(insert("a", 1, {}, std::string("x")));
  EXPECT_EQ(insert("a", 1).error().code, Code::kAlreadyExists);
  EXPECT_EQ(insert("b", 1, {}, std::string("x")).error().code, Code::kAlreadyExists);
  EXPECT_EQ(insert("b", 100).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(insert("b", 1, std::string("nobody")).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(db_.write().execute("NONSENSE").error().code, Code::kInternal);
  EXPECT_EQ(db_.read().execute("DELETE FROM things").error().code, Code::kPermissionDenied);
  EXPECT_EQ(Database::open(temp_.path() / "no/such.db").error().code, Code::kNotFound);
  EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, ATransactionIsAllOrNothing) {
  auto session = db_.write();
  {
    auto transaction = Transaction::begin(session).value();
    ASSERT_TRUE(session.execute("INSERT INTO things (id, n) VALUES ('a', 1)"));
    EXPECT_EQ(count(), 0) << "others do not see it yet";
  }
  EXPECT_EQ(count(), 0);
  auto transaction = Transaction::begin(session).value();
  ASSERT_TRUE(session.execute("INSERT INTO things (id, n) VALUES ('a', 1)"));
  ASSERT_TRUE(transaction.commit());
  EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, ADamagedFileSaysWhatToDo) {
  const auto path = temp_.path() / "damaged.db";
  ASSERT_TRUE(base::write_file_atomic(path, std::string(8192, 'x')));
  const auto opened = Database::open(path);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kDataLoss);
  EXPECT_NE(opened.error().remedy.find("backup"), std::string::npos);
}

TEST_F(DatabaseTest, ManyThreadsReadAndWrite) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(insert(concat("t", t, "-", i), i));
        EXPECT_GT(count(), 0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count(), kThreads * kEach);
}

// The child tells each committed number through a pipe, and is killed in the middle of writing.
TEST_F(DatabaseTest, WhatWasCommittedSurvivesKillingTheWriter) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  const auto path = temp_.path() / "killed.db";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto db = Database::open(path);
    if (!db || !db->write().execute_script("CREATE TABLE t (n BIGINT PRIMARY KEY)")) ::_exit(1);
    for (std::int64_t n = 1;; ++n) {
      if (!db->write().execute("INSERT INTO t (n) VALUES ($1)", {n})) ::_exit(1);
      if (::write(pipe_ends[1], &n, sizeof n) != sizeof n) ::_exit(1);
    }
  }
  ::close(pipe_ends[1]);
  std::int64_t acknowledged = 0;
  while (acknowledged < 20 &&
         ::read(pipe_ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
  }
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  while (::read(pipe_ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
  }
  ::close(pipe_ends[0]);
  ASSERT_GE(acknowledged, 20);

  auto db = Database::open(path);
  ASSERT_TRUE(db) << db.error().to_string();
  const auto row = db->read().query("SELECT COUNT(*), MAX(n) FROM t").value().front();
  EXPECT_GE(row.integer(0), acknowledged);
  EXPECT_LE(row.integer(0), acknowledged + 1) << "committed, but killed before telling";
  EXPECT_EQ(row.integer(0), row.integer(1)) << "no gaps";
  EXPECT_EQ(db->write().query("PRAGMA integrity_check").value().front().text(0), "ok");
}

TEST_F(DatabaseTest, OneCommitThatDoesNotWaitForTheDiskLeavesTheNextAsTheyWere) {
  const auto is_synced = [](Session& session) {
    return session.query("PRAGMA synchronous").value().front().integer(0) == 2;
  };
  Session session = db_.write();
  for (const bool commits : {true, false}) {
    auto unsynced = Transaction::begin(session, TransactionKind::kUnsynced);
    ASSERT_TRUE(unsynced) << unsynced.error().to_string();
    EXPECT_FALSE(is_synced(session));
    ASSERT_TRUE(session.execute("INSERT INTO things (id, n) VALUES ($1, 1)",
                                {std::string(commits ? "kept" : "dropped")}));
    if (commits) {
      ASSERT_TRUE(unsynced->commit());
    } else {
      const auto dropped = *std::move(unsynced);
    }
    EXPECT_TRUE(is_synced(session));
  }
  EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, TheLogIsEmptiedBesideTheCommits) {
  ASSERT_TRUE(db_.write().execute_script("CREATE TABLE t (x TEXT)"));
  // 24 000 pages in all: a log that only grows has them, and one that is emptied begins anew.
  constexpr std::int64_t kPage = 4096;
  for (int i = 0; i < 600; ++i) {
    ASSERT_TRUE(
        db_.write().execute("INSERT INTO t (x) VALUES ($1)", {std::string(40 * kPage, 'x')}));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto log = std::filesystem::file_size(path_.native() + "-wal");
  EXPECT_LT(log, 12000 * kPage);
  EXPECT_EQ(db_.read().query("SELECT COUNT(*) FROM t").value().front().integer(0), 600);
  EXPECT_EQ(db_.write().query("PRAGMA integrity_check").value().front().text(0), "ok");
}

constexpr int kSkipped = 77;
int full_disk_child(const base::Path& mount_point) {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=512k") != 0) {
    return kSkipped;
  }
  auto db = Database::open(mount_point / "full.db");
  if (!db || !db->write().execute_script("CREATE TABLE t (x TEXT)")) return 1;
  std::int64_t stored = 0;
  for (; stored < 1000; ++stored) {
    auto done = db->write().execute("INSERT INTO t (x) VALUES ($1)", {std::string(8192, 'x')});
    if (done) continue;
    if (done.error().code != Code::kResourceExhausted || done.error().remedy.empty()) return 2;
    break;
  }
  // Reading goes on, and nothing that was acknowledged is gone.
  const auto rows = db->read().query("SELECT COUNT(*) FROM t");
  if (stored == 1000 || !rows) return 3;
  return rows->front().integer(0) == stored ? 0 : 4;
}

TEST_F(DatabaseTest, AFullDiskIsAClearErrorAndReadingGoesOn) {
  const auto mount_point = temp_.path() / "tmpfs";
  ASSERT_TRUE(base::make_dirs(mount_point));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(full_disk_child(mount_point));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kSkipped) {
    GTEST_SKIP() << "mounting a tmpfs in a mount namespace of our own needs root";
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace wrenn::db
