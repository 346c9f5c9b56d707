#include "db/api_key_store.h"

#include <string>

#include <gtest/gtest.h>

#include "base/id.h"
#include "base/strings.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;

class ApiKeyStoreTest : public testing::Test {
 protected:
  NewApiKey create(std::string_view name = "laptop") {
    return store_.create(kDefaultTeam, {.name = std::string(name)}).value();
  }
  TestDatabase test_;
  ApiKeyStore store_{test_.database, test_.clock()};
};

TEST_F(ApiKeyStoreTest, AKeyIsShownOnceAndStoredAsAHash) {
  const auto created = create();
  const std::string text(created.text.reveal());
  EXPECT_EQ(text.size(), 36u);
  EXPECT_TRUE(text.starts_with("wrn_"));
  EXPECT_EQ(created.key.key_prefix, text.substr(0, 12));
  EXPECT_TRUE(base::is_id(base::kKeyPrefix, created.key.id));
  for (const char* suffix : {"", "-wal"}) {
    if (is_postgres_tested()) break;
    const auto bytes = base::read_file(test_.place.path().native() + suffix).value();
    EXPECT_EQ(bytes.find(text.substr(4)), std::string::npos) << suffix;
  }
}

TEST_F(ApiKeyStoreTest, BothSpellingsAreTheSameKey) {
  const auto created = create();
  const std::string digits(created.text.reveal().substr(4));
  for (const char* prefix : {"wrn_", "e2b_"}) {
    const auto owner = store_.verify(prefix + digits);
    ASSERT_TRUE(owner) << owner.error().to_string();
    EXPECT_EQ(owner->team_id, kDefaultTeam);
    EXPECT_EQ(owner->key_id, created.key.id);
  }
}

TEST_F(ApiKeyStoreTest, EverythingElseIsUnauthenticatedWithOneText) {
  const std::string digits(create().text.reveal().substr(4));
  std::string other = digits;
  other[31] = other[31] == '0' ? '1' : '0';
  for (const std::string& text :
       {std::string(), std::string("wrn_"), digits, "abc_" + digits, "WRN_" + digits,
        "wrn_" + other, "wrn_" + digits + "0", "wrn_" + digits.substr(1), " wrn_" + digits,
        "wrn_" + digits.substr(0, 31) + "G", "wrn_" + std::string(32, '\0'),
        "wrn_" + std::string(100000, 'a'), std::string("wrn_' OR 1=1 --"),
        "wrn_" + base::to_hex(std::string(16, '\0'))}) {
    const auto owner = store_.verify(text);
    ASSERT_FALSE(owner) << text.substr(0, 50);
    EXPECT_EQ(owner.error().code, Code::kUnauthenticated);
    EXPECT_EQ(owner.error().message, "invalid API key");
  }
}

TEST_F(ApiKeyStoreTest, ARevokedKeyIsRefused) {
  const auto created = create();
  ASSERT_TRUE(store_.revoke(kDefaultTeam, created.key.id));
  EXPECT_TRUE(store_.revoke(kDefaultTeam, created.key.id)) << "twice is fine";
  EXPECT_EQ(store_.verify(created.text.reveal()).error().code, Code::kUnauthenticated);
  EXPECT_TRUE(store_.list(kDefaultTeam).value().empty());
  EXPECT_EQ(store_.revoke("team-other", created.key.id).error().code, Code::kNotFound);
  EXPECT_EQ(store_.revoke(kDefaultTeam, "key-none").error().code, Code::kNotFound);
}

TEST_F(ApiKeyStoreTest, UseIsNotedAtMostOnceAMinute) {
  const auto created = create();
  const auto last_used = [&] { return store_.list(kDefaultTeam).value().front().last_used_at; };
  EXPECT_EQ(last_used(), std::nullopt);
  const auto first = test_.now;
  ASSERT_TRUE(store_.verify(created.text.reveal()));
  EXPECT_EQ(last_used(), first);
  test_.now += 59'999;
  ASSERT_TRUE(store_.verify(created.text.reveal()));
  EXPECT_EQ(last_used(), first);
  test_.now += 1;
  ASSERT_TRUE(store_.verify(created.text.reveal()));
  EXPECT_EQ(last_used(), test_.now);
}

TEST_F(ApiKeyStoreTest, ListIsNewestFirst) {
  create("old");
  test_.now += 1;
  create("");
  const auto keys = store_.list(kDefaultTeam).value();
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].name, "default");
  EXPECT_EQ(keys[1].name, "old");
}

TEST_F(ApiKeyStoreTest, BadInputIsRefused) {
  EXPECT_EQ(store_.create("team-none", {.name = "x"}).error().code, Code::kNotFound);
  EXPECT_EQ(store_.create(kDefaultTeam, {.name = std::string(129, 'x')}).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(store_.create(kDefaultTeam, {.name = "\xff"}).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace wrenn::db
