#include "control/backup_command.h"

#include <fcntl.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "db/backup.h"
#include "db/migrations.h"
#include "db/secret_store.h"

namespace wrenn::control {
namespace {

using base::Code;

// SQLite, whatever the other tests of this folder run on.
class BackupCommandTest : public testing::Test {
 protected:
  // As the first start of a control plane does.
  void SetUp() override {
    ASSERT_TRUE(base::make_dirs(control_, 0700));
    secret_ = secret_of(load_sealer(place_, MissingKey::kIsMade).value()).value().reveal();
  }
  base::Result<base::Secret> secret_of(base::Sealer sealer) const {
    db::Database database = db::open_and_migrate(base::Secret(database_.native())).value();
    return db::SecretStore(database, std::move(sealer)).get_or_create("one");
  }
  BackupRequest request() const {
    return {.database = base::Secret(database_.native()), .key = place_, .file = file_.native()};
  }
  void lose(const base::Path& path) const { ASSERT_TRUE(base::remove_tree(path)); }

  const base::TempDir dir_ = base::TempDir::create().value();
  const base::Path control_ = dir_.path() / "control";
  const base::Path database_ = control_ / "wrenn.db";
  const base::Path file_ = dir_.path() / "backup";
  const EncryptionKeyPlace place_{.digits = std::nullopt, .file = control_ / "encryption.key"};
  std::string secret_;
};

TEST_F(BackupCommandTest, WhatWasSavedComesBackWithItsKey) {
  ASSERT_TRUE(back_up(request()));
  lose(database_);
  const auto restored = restore(request());
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_EQ(secret_of(load_sealer(place_, MissingKey::kIsRefused).value()).value().reveal(),
            secret_);
  EXPECT_TRUE(std::filesystem::exists(file_));
  // And nothing was left beside it.
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(control_)) {
    names.push_back(entry.path().filename().native());
  }
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"encryption.key", "wrenn.db"}));
}

TEST_F(BackupCommandTest, NothingIsSavedSilentlyWithoutItsKey) {
  lose(place_.file);
  const auto refused = back_up(request());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(refused.error().remedy.contains("--without-key"));
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_FALSE(std::filesystem::exists(place_.file));  // A new key would open nothing.
  auto waived = request();
  waived.key_demand = KeyDemand::kWaived;
  ASSERT_TRUE(back_up(waived));
  EXPECT_EQ(db::inspect_backup(file_).value().label.key_fingerprint, "");
}

TEST_F(BackupCommandTest, NothingIsRestoredForAnotherKey) {
  const std::string fingerprint = load_sealer(place_, MissingKey::kIsRefused).value().fingerprint();
  ASSERT_TRUE(back_up(request()));
  lose(database_);
  auto other = request();
  other.key.digits = std::string(64, 'a');
  const auto refused = restore(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(refused.error().message.contains(fingerprint)) << refused.error().to_string();
  EXPECT_FALSE(std::filesystem::exists(database_));
  other.key_demand = KeyDemand::kWaived;
  EXPECT_TRUE(restore(other));
}

TEST_F(BackupCommandTest, ADatabaseIsReplacedOnlyWhenThatIsSaid) {
  ASSERT_TRUE(back_up(request()));
  EXPECT_EQ(restore(request()).error().code, Code::kAlreadyExists);
  auto forced = request();
  forced.replaces = true;
  ASSERT_TRUE(restore(forced));
}

TEST_F(BackupCommandTest, PostgresHasToolsOfItsOwn) {
  auto elsewhere = request();
  elsewhere.database = base::Secret("postgres://wrenn@db.example.com/wrenn");
  for (const auto& answer : {back_up(elsewhere), restore(elsewhere)}) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::kFailedPrecondition);
    EXPECT_TRUE(answer.error().remedy.contains("pg_dump"));
  }
}

TEST_F(BackupCommandTest, AFileThatIsMissingIsNamed) {
  lose(database_);
  const auto refused = restore(request());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains(file_.native())) << refused.error().to_string();
}

}  // namespace
}  // namespace wrenn::control
