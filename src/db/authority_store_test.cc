#include "db/authority_store.h"

#include <gtest/gtest.h>

#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::Result;

base::Sealer sealer_of(char digit) {
  return base::Sealer::create(base::Secret(std::string(base::kSealKeyBytes, digit))).value();
}

TEST(AuthorityStore, IsMadeOnceAndSealed) {
  TestDatabase test;
  AuthorityStore store(test.database, sealer_of('a'), test.clock());
  int made = 0;
  const auto make = [&made]() -> Result<KeptAuthority> {
    ++made;
    return KeptAuthority{"a certificate", base::Secret("a very private key")};
  };
  EXPECT_EQ(store.get_or_create("hosts", make).value().key.reveal(), "a very private key");
  Database other = test.reopen();
  AuthorityStore again(other, sealer_of('a'), test.clock());
  const auto kept = again.get_or_create("hosts", make).value();
  EXPECT_EQ(kept.certificate, "a certificate");
  EXPECT_EQ(kept.key.reveal(), "a very private key");
  EXPECT_EQ(made, 1);
  const auto rows = test.database.read().query("SELECT sealed_key FROM authorities").value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(base::Sealer::is_sealed(rows[0].text(0)));
  EXPECT_FALSE(rows[0].text(0).contains("private"));
}

TEST(AuthorityStore, AnotherEncryptionKeyIsSaidToBeWrong) {
  TestDatabase test;
  const auto make = []() -> Result<KeptAuthority> {
    return KeptAuthority{"a certificate", base::Secret("a key")};
  };
  ASSERT_TRUE(AuthorityStore(test.database, sealer_of('a')).get_or_create("hosts", make));
  const auto refused = AuthorityStore(test.database, sealer_of('b')).get_or_create("hosts", make);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_FALSE(refused.error().remedy.empty());
}

TEST(AuthorityStore, WhatCannotBeMadeIsNotStored) {
  TestDatabase test;
  AuthorityStore store(test.database, sealer_of('a'));
  const auto fail = []() -> Result<KeptAuthority> {
    return base::fail(Code::kInternal, "no luck");
  };
  EXPECT_FALSE(store.get_or_create("hosts", fail));
  EXPECT_TRUE(test.database.read().query("SELECT name FROM authorities").value().empty());
}

}  // namespace
}  // namespace wrenn::db
