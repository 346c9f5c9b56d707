#include "db/secret_store.h"

#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;

class SecretStoreTest : public testing::Test {
 protected:
  TestDatabase test_;
  SecretStore store_{test_.database};
};

TEST_F(SecretStoreTest, IsMadeOnceForEachName) {
  const auto first = store_.get_or_create("a").value();
  EXPECT_EQ(base::from_hex(first.reveal()).value().size(), 32u);
  EXPECT_EQ(store_.get_or_create("a").value().reveal(), first.reveal());
  EXPECT_NE(store_.get_or_create("b").value().reveal(), first.reveal());
}

TEST_F(SecretStoreTest, SurvivesARestart) {
  const std::string made(store_.get_or_create("a").value().reveal());
  Database again = open_and_migrate(test_.path).value();
  EXPECT_EQ(SecretStore(again).get_or_create("a").value().reveal(), made);
}

TEST_F(SecretStoreTest, ProgramsThatStartAtOnceGetTheSame) {
  constexpr int kPrograms = 4;
  std::latch ready(kPrograms);
  std::vector<std::string> got(kPrograms);
  std::vector<std::thread> threads;
  for (auto& secret : got) {
    threads.emplace_back([this, &ready, &secret] {
      Database own = open_and_migrate(test_.path).value();
      ready.arrive_and_wait();
      secret = SecretStore(own).get_or_create("a").value().reveal();
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& secret : got) {
    EXPECT_EQ(secret.size(), 64u);
    EXPECT_EQ(secret, got.front());
  }
}

TEST_F(SecretStoreTest, ADamagedOneIsNotUsed) {
  for (const char* value : {"", "abc", "zz"}) {
    ASSERT_TRUE(
        test_.database.write().execute("INSERT INTO secrets (name, value) VALUES ('a', $1) "
                                       "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                                       {std::string(value)}));
    const auto read = store_.get_or_create("a");
    ASSERT_FALSE(read) << value;
    EXPECT_EQ(read.error().code, Code::kDataLoss);
    EXPECT_FALSE(read.error().remedy.empty());
  }
}

}  // namespace
}  // namespace wrenn::db
