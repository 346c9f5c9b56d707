#include "db/backup.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "db/migrations.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;

// SQLite, whatever the other tests of this folder run on.
class BackupTest : public testing::Test {
 protected:
  static Database open(const base::Path& path) {
    return open_and_migrate(base::Secret(path.native())).value();
  }
  static void put(Database& database, int from, int count) {
    Session session = database.write();
    for (int i = from; i < from + count; ++i) {
      ASSERT_TRUE(session.execute("INSERT INTO secrets (name, value) VALUES ($1, $2)",
                                  {concat("name-", i), std::string(1000, 'v')}));
    }
  }
  static std::int64_t rows(const base::Path& path) {
    Database database = Database::open(path).value();
    return database.read().query("SELECT count(*) FROM secrets").value().front().integer(0);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      found.push_back(entry.path().filename().native());
    }
    std::ranges::sort(found);
    return found;
  }

  const base::TempDir dir_ = base::TempDir::create().value();
  const base::Path live_ = dir_.path() / "live.db";
  const base::Path copy_ = dir_.path() / "copy";
  const BackupLabel label_{.program = "1.2.3", .key_fingerprint = "abcd", .made_at = 1234};
};

TEST_F(BackupTest, ACopyIsOneFileThatSaysWhatItIs) {
  Database database = open(live_);
  put(database, 0, 3);
  const auto made = back_up(live_, copy_, label_);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->schema, static_cast<int>(embedded_migrations().size()));
  struct stat info{};
  ASSERT_EQ(::stat(copy_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  const auto seen = inspect_backup(copy_);
  ASSERT_TRUE(seen) << seen.error().to_string();
  EXPECT_EQ(seen->label.program, "1.2.3");
  EXPECT_EQ(seen->label.key_fingerprint, "abcd");
  EXPECT_EQ(seen->label.made_at, 1234);
  EXPECT_EQ(rows(copy_), 3);
  EXPECT_FALSE(has_table(database, "wrenn_backup").value());  // The database itself says nothing.
  EXPECT_EQ(names(), (std::vector<std::string>{"copy", "live.db", "live.db-shm", "live.db-wal"}));
}

TEST_F(BackupTest, ADatabaseThatIsWrittenIsCopiedAsItWasAtOneMoment) {
  Database database = open(live_);
  std::atomic<bool> stop = false;
  std::atomic<int> pairs = 0;
  // Two rows at a time: a copy with one of a pair would be of no moment that ever was.
  std::thread writer([&] {
    while (!stop) {
      Session session = database.write();
      auto transaction = Transaction::begin(session).value();
      for (const char* half : {"a", "b"}) {
        (void)session
            .execute("INSERT INTO secrets (name, value) VALUES ($1, $2)",
                     {concat(half, pairs.load()), std::string(500, 'v')})
            .value();
      }
      (void)transaction.commit().value();
      ++pairs;
    }
  });
  while (pairs < 20) std::this_thread::yield();
  std::vector<std::int64_t> counts;
  for (int i = 0; i < 5; ++i) {
    const base::Path target(concat(copy_.native(), i));
    const auto made = back_up(live_, target, label_);
    EXPECT_TRUE(made) << made.error().to_string();
    if (made) counts.push_back(rows(target));
  }
  const int written = pairs;
  stop = true;
  writer.join();
  for (const auto count : counts) EXPECT_EQ(count % 2, 0);
  EXPECT_GE(counts.size() == 5 ? counts.front() : 0, 40);
  EXPECT_GT(written, 20);
}

TEST_F(BackupTest, NothingIsWrittenOverAndNothingIsMade) {
  EXPECT_EQ(back_up(live_, copy_, label_).error().code, Code::kNotFound);
  EXPECT_TRUE(names().empty());
  {
    const Database database = open(live_);
  }
  ASSERT_TRUE(base::write_file_atomic(copy_, "precious"));
  EXPECT_EQ(back_up(live_, copy_, label_).error().code, Code::kAlreadyExists);
  EXPECT_EQ(base::read_file(copy_).value(), "precious");
  EXPECT_FALSE(back_up(live_, dir_.path() / "no" / "such" / "place", label_));
  EXPECT_EQ(names(), (std::vector<std::string>{"copy", "live.db"}));
}

TEST_F(BackupTest, OtherFilesAreRefused) {
  ASSERT_TRUE(base::write_file_atomic(copy_, std::string(5000, 'x')));
  EXPECT_EQ(inspect_backup(copy_).error().code, Code::kInvalidArgument);
  ASSERT_TRUE(base::write_file_atomic(dir_.path() / "empty", ""));
  EXPECT_EQ(inspect_backup(dir_.path() / "empty").error().code, Code::kInvalidArgument);
  {
    const Database database = open(live_);
  }
  EXPECT_EQ(inspect_backup(live_).error().code, Code::kInvalidArgument);  // A database, no copy.
}

TEST_F(BackupTest, ADamagedOneIsRefused) {
  {
    Database database = open(live_);
    put(database, 0, 200);
  }
  ASSERT_TRUE(back_up(live_, copy_, label_));
  std::string bytes = base::read_file(copy_).value();
  const auto at = bytes.find(std::string(900, 'v'));
  ASSERT_NE(at, std::string::npos);
  // The page that holds this row, but for its end: the tree no longer hangs together.
  const auto page = at / 4096 * 4096;
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(page), 200, '\xFF');
  ASSERT_TRUE(base::write_file_atomic(copy_, bytes, 0600));
  const auto seen = inspect_backup(copy_);
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Code::kDataLoss) << seen.error().to_string();
}

TEST_F(BackupTest, OneOfANewerVersionIsRefused) {
  {
    const Database database = open(live_);
  }
  ASSERT_TRUE(back_up(live_, copy_, label_));
  {
    Database copy = Database::open(copy_).value();
    ASSERT_TRUE(
        copy.write().execute("INSERT INTO schema_migrations (number, name, checksum, applied_at) "
                             "VALUES (100000, 'later', 'x', 0)"));
  }
  EXPECT_EQ(inspect_backup(copy_).error().code, Code::kFailedPrecondition);
}

TEST_F(BackupTest, BecomesTheDatabaseWhereThereIsNone) {
  {
    Database database = open(live_);
    put(database, 0, 3);
  }
  ASSERT_TRUE(back_up(live_, copy_, label_));
  const base::Path other = dir_.path() / "other.db";
  ASSERT_TRUE(base::write_file_atomic(other.native() + "-wal", "of a database that is gone"));
  const auto aside = put_in_place(copy_, other, Existing::kRefused);
  ASSERT_TRUE(aside) << aside.error().to_string();
  EXPECT_FALSE(*aside);
  Database database = open(other);
  EXPECT_FALSE(has_table(database, "wrenn_backup").value());
  EXPECT_TRUE(check_schema(database));
  EXPECT_EQ(rows(other), 3);
  EXPECT_FALSE(std::filesystem::exists(copy_));
}

TEST_F(BackupTest, ADatabaseInItsPlaceIsKept) {
  {
    Database database = open(live_);
    put(database, 0, 3);
    ASSERT_TRUE(back_up(live_, copy_, label_));
    put(database, 3, 4);
    EXPECT_EQ(put_in_place(copy_, live_, Existing::kRefused).error().code, Code::kAlreadyExists);
    const auto used = put_in_place(copy_, live_, Existing::kSetAside);
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().code, Code::kFailedPrecondition) << used.error().to_string();
    EXPECT_TRUE(used.error().message.contains("somebody uses"));
    put(database, 7, 1);  // Nobody was disturbed.
  }
  EXPECT_EQ(rows(live_), 8);
  ASSERT_TRUE(inspect_backup(copy_));  // Nor has the copy changed.
  const auto aside = put_in_place(copy_, live_, Existing::kSetAside);
  ASSERT_TRUE(aside) << aside.error().to_string();
  ASSERT_TRUE(*aside);
  EXPECT_EQ(rows(live_), 3);
  EXPECT_EQ(rows(**aside), 8);
}

}  // namespace
}  // namespace wrenn::db
