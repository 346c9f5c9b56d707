#include "agent/storage_choice.h"

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

using base::Code;
using storage::CowBackend;

StorageFacts facts(CowBackend files, std::string why_no_snapshots = {}) {
  return {.files = {files, "what the file system can do"},
          .why_no_snapshots = std::move(why_no_snapshots),
          .remedy = "modprobe dm_snapshot"};
}

TEST(StorageChoice, SharedBlocksBeforeAllElse) {
  for (const auto need : {DiskNeed::kAny, DiskNeed::kRaw}) {
    const auto choice = choose_storage({}, facts(CowBackend::kReflink), need);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->backend, CowBackend::kReflink);
    EXPECT_EQ(choice->explanation, "what the file system can do");
  }
}

TEST(StorageChoice, WithoutThemByWhatTheHypervisorNeeds) {
  const auto found = facts(CowBackend::kQcow2Overlay);
  EXPECT_EQ(choose_storage({}, found, DiskNeed::kAny)->backend, CowBackend::kQcow2Overlay);
  EXPECT_EQ(choose_storage({}, found, DiskNeed::kRaw)->backend, CowBackend::kDmSnapshot);
  const auto none =
      choose_storage({}, facts(CowBackend::kQcow2Overlay, "no device-mapper"), DiskNeed::kRaw);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("no device-mapper"), std::string::npos);
  EXPECT_FALSE(none.error().remedy.empty());
}

TEST(StorageChoice, WhatIsAskedForOrWhyNot) {
  const auto all = facts(CowBackend::kReflink);
  for (const auto wish :
       {CowBackend::kReflink, CowBackend::kQcow2Overlay, CowBackend::kDmSnapshot}) {
    const auto choice = choose_storage(wish, all, DiskNeed::kAny);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->backend, wish);
    EXPECT_NE(choice->explanation.find("as was asked for"), std::string::npos);
  }
  const auto little = facts(CowBackend::kQcow2Overlay, "no device-mapper");
  for (const auto& [wish, found, need] : {std::tuple{CowBackend::kReflink, little, DiskNeed::kAny},
                                          {CowBackend::kDmSnapshot, little, DiskNeed::kAny},
                                          {CowBackend::kQcow2Overlay, all, DiskNeed::kRaw}}) {
    const auto refused = choose_storage(wish, found, need);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
    EXPECT_NE(refused.error().message.find(storage::backend_name(wish)), std::string::npos);
    EXPECT_FALSE(refused.error().remedy.empty());
  }
}

}  // namespace
}  // namespace wrenn::agent
