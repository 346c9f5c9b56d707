#include "control/encryption_key.h"

#include <sys/stat.h>

#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

using base::Code;

class EncryptionKeyTest : public testing::Test {
 protected:
  base::Result<base::Sealer> load(MissingKey missing = MissingKey::kIsMade) const {
    return load_sealer({.digits = digits_, .file = file_}, missing);
  }

  const base::TempDir dir_ = base::TempDir::create().value();
  const base::Path file_ = dir_.path() / "control" / "encryption.key";
  std::optional<std::string> digits_;
};

TEST_F(EncryptionKeyTest, IsMadeOnceForNobodyElse) {
  const auto first = load();
  ASSERT_TRUE(first) << first.error().to_string();
  struct stat info{};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_TRUE(load(MissingKey::kIsRefused).value().open(first->seal("a", "b"), "b"));
  // Nothing else is left.
  std::filesystem::remove(file_);
  EXPECT_TRUE(std::filesystem::is_empty(file_.parent_path()));
}

TEST_F(EncryptionKeyTest, ProgramsThatStartAtOnceTakeTheSame) {
  constexpr int kPrograms = 8;
  std::latch ready(kPrograms);
  std::vector<std::string> sealed(kPrograms);
  std::vector<std::thread> threads;
  for (auto& one : sealed) {
    threads.emplace_back([this, &ready, &one] {
      ready.arrive_and_wait();
      one = load().value().seal("a", "b");
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& one : sealed) EXPECT_TRUE(load().value().open(one, "b"));
}

TEST_F(EncryptionKeyTest, OneThatIsMissingIsNotReplaced) {
  const auto refused = load(MissingKey::kIsRefused);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(refused.error().message.contains(file_.native()));
  EXPECT_FALSE(refused.error().remedy.empty());
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(EncryptionKeyTest, TheVariableCountsMore) {
  digits_ = std::string(64, 'a');
  const auto sealer = load(MissingKey::kIsRefused);
  ASSERT_TRUE(sealer);
  EXPECT_FALSE(std::filesystem::exists(file_));
  const auto expected = base::Sealer::create(base::Secret(std::string(32, '\xAA'))).value();
  EXPECT_TRUE(expected.open(sealer->seal("a", "b"), "b"));
  for (const std::string& wrong :
       {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g')}) {
    digits_ = wrong;
    const auto refused = load();
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(refused.error().message.contains("64 hexadecimal digits"));
  }
}

TEST_F(EncryptionKeyTest, AFileThatIsNoneOrIsOpenToOthersIsRefused) {
  ASSERT_TRUE(base::make_dirs(file_.parent_path()));
  for (const char* text : {"", "abc", "not 64 digits at all"}) {
    ASSERT_TRUE(base::write_file_atomic(file_, text, 0600));
    EXPECT_EQ(load().error().code, Code::kFailedPrecondition) << text;
  }
  ASSERT_TRUE(base::write_file_atomic(file_, std::string(64, 'a') + "\n", 0640));
  const auto open_to_others = load();
  ASSERT_FALSE(open_to_others);
  EXPECT_TRUE(open_to_others.error().remedy.contains("chmod 600"));
  ASSERT_TRUE(base::write_file_atomic(file_, std::string(64, 'a') + "\n", 0600));
  EXPECT_TRUE(load());
}

TEST_F(EncryptionKeyTest, ACredentialOfTheServiceManagerCountsMoreThanTheFile) {
  const auto of_file = load();
  ASSERT_TRUE(of_file);
  const base::Path credentials = dir_.path() / "credentials";
  ASSERT_TRUE(base::make_dirs(credentials));
  ::setenv("CREDENTIALS_DIRECTORY", credentials.c_str(), 1);
  EXPECT_EQ(encryption_key_place(dir_.path()).file, file_);
  // systemd lets the service in by an access control list, which shows in the mode.
  ASSERT_TRUE(base::write_file_atomic(credentials / "encryption.key", std::string(64, 'b'), 0440));
  const auto handed_over = load_sealer(encryption_key_place(dir_.path()), MissingKey::kIsRefused);
  ::unsetenv("CREDENTIALS_DIRECTORY");
  ASSERT_TRUE(handed_over) << handed_over.error().to_string();
  EXPECT_NE(handed_over->fingerprint(), of_file->fingerprint());
}

}  // namespace
}  // namespace wrenn::control
