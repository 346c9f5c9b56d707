#include "control/builds/context_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/time.h"

namespace wrenn::control {
namespace {

using recipe::ContextEntry;

std::string archive() {
  std::string out;
  const auto add = [&out](ContextEntry entry, std::string_view content) {
    entry.size = content.size();
    recipe::append_tar_header(out, entry);
    out += content;
    recipe::append_tar_padding(out, entry.size);
  };
  add({.path = "bin", .type = ContextEntry::Type::kDirectory, .mode = 0755}, "");
  add({.path = "bin/tool", .mode = 0755}, "#!/bin/sh\n");
  add({.path = "large", .mode = 0644}, std::string(300'000, 'x'));
  recipe::append_tar_end(out);
  return out;
}

class ContextStoreTest : public testing::Test {
 protected:
  base::Result<std::uint64_t> send(std::string_view team, const std::string& bytes,
                                   const std::string& digest) {
    auto upload = store_.begin(team, digest).value();
    // In parts, as they come from a network.
    for (std::size_t at = 0; at < bytes.size(); at += 1000) {
      EXPECT_TRUE(upload.write(std::string_view(bytes).substr(at, 1000)));
    }
    return upload.finish();
  }

  base::TempDir dir_ = base::TempDir::create().value();
  ContextStore store_{dir_.path() / "contexts"};
};

TEST_F(ContextStoreTest, WhatATeamHasSentIsThatTeamsAlone) {
  const std::string bytes = archive();
  const std::string digest = base::sha256_hex(bytes);
  EXPECT_FALSE(store_.find("team-1", digest).value());
  EXPECT_EQ(store_.open("team-1", digest).error().code, base::Code::kNotFound);
  EXPECT_EQ(send("team-1", bytes, digest).value(), bytes.size());
  EXPECT_EQ(store_.find("team-1", digest).value(), bytes.size());
  EXPECT_FALSE(store_.find("team-2", digest).value());
  const base::Fd file = store_.open("team-1", digest).value();
  const ContextIndex index = read_context(file.get()).value();
  ASSERT_EQ(index.entries.size(), 3u);
  EXPECT_EQ(index.entries[1].path, "bin/tool");
  EXPECT_EQ(index.digests[0], "");
  EXPECT_EQ(index.digests[1], base::sha256_hex("#!/bin/sh\n"));
  EXPECT_EQ(index.digests[2], base::sha256_hex(std::string(300'000, 'x')));
}

TEST_F(ContextStoreTest, WhatIsNotAsItWasSaidLeavesNothing) {
  const std::string bytes = archive();
  EXPECT_EQ(send("team-1", bytes, std::string(64, '0')).error().code, base::Code::kInvalidArgument);
  const std::string cut = bytes.substr(0, 5000);
  EXPECT_EQ(send("team-1", cut, base::sha256_hex(cut)).error().code, base::Code::kInvalidArgument);
  {
    auto upload = store_.begin("team-1", base::sha256_hex(bytes)).value();
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path() / "contexts" / "team-1"));
}

TEST_F(ContextStoreTest, ATeamMayNotFillTheDisk) {
  const base::Path team = dir_.path() / "contexts" / "team-1";
  ASSERT_TRUE(base::make_dirs(team));
  const base::Fd large = base::open_file(team / "large", O_RDWR | O_CREAT).value();
  ASSERT_EQ(::ftruncate(large.get(), kMaxTeamContextBytes), 0);
  const auto refused = store_.begin("team-1", std::string(64, '0'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kResourceExhausted);
  EXPECT_TRUE(store_.begin("team-2", std::string(64, '0')));
}

TEST_F(ContextStoreTest, ForgetsWhatIsNotUsed) {
  const std::string bytes = archive();
  const std::string digest = base::sha256_hex(bytes);
  ASSERT_TRUE(send("team-1", bytes, digest));
  constexpr std::int64_t kMinute = 60'000;
  EXPECT_EQ(store_.forget(base::unix_ms_now() - kMinute).value(), 0u);
  EXPECT_EQ(store_.forget(base::unix_ms_now() + kMinute).value(), 1u);
  EXPECT_FALSE(store_.find("team-1", digest).value());
}

TEST_F(ContextStoreTest, ACopyHasOtherNamesAndOwners) {
  const std::string bytes = archive();
  const std::string digest = base::sha256_hex(bytes);
  ASSERT_TRUE(send("team-1", bytes, digest));
  const base::Fd from = store_.open("team-1", digest).value();
  const ContextIndex index = read_context(from.get()).value();
  const base::Fd to = store_.scratch_file().value();
  ASSERT_TRUE(write_copy(from.get(), index, {{1, "a/renamed"}, {2, "b"}},
                         {.owner = {1000, 1000}, .mode = 0600}, to.get()));
  const ContextIndex copied = read_context(to.get()).value();
  ASSERT_EQ(copied.entries.size(), 2u);
  EXPECT_EQ(copied.entries[0].path, "a/renamed");
  EXPECT_EQ(copied.entries[0].mode, 0600u);
  EXPECT_EQ(copied.digests[0], index.digests[1]);
  EXPECT_EQ(copied.digests[1], index.digests[2]);
}

}  // namespace
}  // namespace wrenn::control
