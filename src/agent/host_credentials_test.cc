#include "agent/host_credentials.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "net/test_certificates.h"

namespace wrenn::agent {
namespace {

using base::Code;

class HostCredentialsTest : public testing::Test {
 protected:
  HostCredentials made() const {
    const auto identity = authority.server("wrenn:host:host-1");
    return {"host-1", "https://wrenn.example", identity.key, identity.certificate,
            identity.authorities};
  }
  base::Path file() const { return dir.path() / "host-credentials.json"; }

  net::TestAuthority authority;
  base::TempDir dir = base::TempDir::create().value();
};

TEST_F(HostCredentialsTest, AreKeptForRootAlone) {
  EXPECT_FALSE(load_credentials(dir.path()).value().has_value());
  const HostCredentials credentials = made();
  ASSERT_TRUE(save_credentials(dir.path(), credentials));
  struct stat status{};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  const auto loaded = load_credentials(dir.path()).value();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->host_id, "host-1");
  EXPECT_EQ(loaded->control_plane, "https://wrenn.example");
  EXPECT_TRUE(loaded->key.equals(credentials.key.reveal()));
  EXPECT_EQ(loaded->certificate, credentials.certificate);
}

TEST_F(HostCredentialsTest, AreFoundUnderTheirOldName) {
  ASSERT_TRUE(save_credentials(dir.path(), made()));
  std::filesystem::rename(file(), dir.path() / "host-token");
  EXPECT_TRUE(load_credentials(dir.path()).value().has_value());
}

TEST_F(HostCredentialsTest, WhatOthersMayReadOrIsDamagedIsRefused) {
  ASSERT_TRUE(save_credentials(dir.path(), made()));
  ASSERT_EQ(::chmod(file().c_str(), 0644), 0);
  EXPECT_EQ(load_credentials(dir.path()).error().code, Code::kFailedPrecondition);
  for (const char* content : {"", "{}", "[]", "a bare token"}) {
    ASSERT_TRUE(base::write_file_atomic(file(), content, 0600));
    EXPECT_EQ(load_credentials(dir.path()).error().code, Code::kFailedPrecondition) << content;
  }
  HostCredentials mixed = made();
  mixed.key = net::make_private_key().value();
  ASSERT_TRUE(save_credentials(dir.path(), mixed));
  EXPECT_EQ(load_credentials(dir.path()).error().code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace wrenn::agent
