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

base::Sealer sealer_of(char c) {
  return base::Sealer::create(base::Secret(std::string(base::kSealKeyBytes, c))).value();
}

class SecretStoreTest : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& value) {
    ASSERT_TRUE(
        test_.database.write().execute("INSERT INTO secrets (name, value) VALUES ($1, $2) "
                                       "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                                       {name, value}));
  }
  std::string stored(const std::string& name) {
    const auto rows =
        test_.database.read().query("SELECT value FROM secrets WHERE name = $1", {name}).value();
    return rows.empty() ? "" : rows.front().text(0);
  }

  TestDatabase test_;
  SecretStore store_{test_.database, sealer_of('k')};
};

TEST_F(SecretStoreTest, IsMadeOnceForEachName) {
  const auto first = store_.get_or_create("a").value();
  EXPECT_EQ(base::from_hex(first.reveal()).value().size(), 32u);
  EXPECT_EQ(store_.get_or_create("a").value().reveal(), first.reveal());
  EXPECT_NE(store_.get_or_create("b").value().reveal(), first.reveal());
}

TEST_F(SecretStoreTest, SurvivesARestart) {
  const std::string made(store_.get_or_create("a").value().reveal());
  Database again = test_.reopen();
  EXPECT_EQ(SecretStore(again, sealer_of('k')).get_or_create("a").value().reveal(), made);
}

TEST_F(SecretStoreTest, ProgramsThatStartAtOnceGetTheSame) {
  constexpr int kPrograms = 4;
  std::latch ready(kPrograms);
  std::vector<std::string> got(kPrograms);
  std::vector<std::thread> threads;
  for (auto& secret : got) {
    threads.emplace_back([this, &ready, &secret] {
      Database own = test_.reopen();
      ready.arrive_and_wait();
      secret = SecretStore(own, sealer_of('k')).get_or_create("a").value().reveal();
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& secret : got) {
    EXPECT_EQ(secret.size(), 64u);
    EXPECT_EQ(secret, got.front());
  }
}

TEST_F(SecretStoreTest, TheDatabaseAloneTellsNothing) {
  EXPECT_FALSE(SecretStore::has_sealed(test_.database).value());
  const std::string made(store_.get_or_create("a").value().reveal());
  EXPECT_TRUE(base::Sealer::is_sealed(stored("a")));
  EXPECT_FALSE(stored("a").contains(made));
  EXPECT_TRUE(SecretStore::has_sealed(test_.database).value());
}

TEST_F(SecretStoreTest, AnotherKeyIsRefusedAndChangesNothing) {
  const std::string made(store_.get_or_create("a").value().reveal());
  const std::string plain(64, 'b');
  put("b", plain);
  SecretStore other(test_.database, sealer_of('x'));
  const auto refused = other.get_or_create("a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(refused.error().remedy.contains("WRENN_ENCRYPTION_KEY"));
  const auto sealed = other.seal_all();
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(stored("b"), plain);
  EXPECT_EQ(store_.get_or_create("a").value().reveal(), made);
}

TEST_F(SecretStoreTest, WhatIsPlainIsSealedAndStaysTheSame) {
  const std::string plain = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  put("a", plain);
  const std::string made(store_.get_or_create("b").value().reveal());
  ASSERT_TRUE(store_.seal_all());
  EXPECT_TRUE(base::Sealer::is_sealed(stored("a")));
  EXPECT_EQ(store_.get_or_create("a").value().reveal(), plain);
  EXPECT_EQ(store_.get_or_create("b").value().reveal(), made);
  const std::string once = stored("a");
  ASSERT_TRUE(store_.seal_all());
  EXPECT_EQ(stored("a"), once);
}

TEST_F(SecretStoreTest, NoneStandsInForAnother) {
  ASSERT_TRUE(store_.get_or_create("a"));
  put("b", stored("a"));
  EXPECT_FALSE(store_.get_or_create("b"));
  EXPECT_FALSE(store_.seal_all());
}

TEST_F(SecretStoreTest, ADamagedOneIsNotUsed) {
  for (const std::string& value :
       {std::string(), std::string("abc"), std::string(64, 'a'), std::string("sealed1:AAAA"),
        sealer_of('k').seal("too short", "secrets/a")}) {
    put("a", value);
    const auto read = store_.get_or_create("a");
    ASSERT_FALSE(read) << value;
    EXPECT_FALSE(read.error().remedy.empty());
  }
  put("a", "abc");
  const auto sealed = store_.seal_all();
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, Code::kDataLoss);
  EXPECT_EQ(stored("a"), "abc");
}

}  // namespace
}  // namespace wrenn::db
