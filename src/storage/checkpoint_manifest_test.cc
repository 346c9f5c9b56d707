#include "storage/checkpoint_manifest.h"

#include <gtest/gtest.h>

namespace wrenn::storage {
namespace {

CheckpointManifest sample() {
  CheckpointManifest m;
  m.vcpus = 2;
  m.memory_mb = 1024;
  m.disk_mb = 5120;
  m.has_memory = true;
  m.memory_layers = 3;
  m.disks = {DiskFormat::kRaw, DiskFormat::kQcow2, DiskFormat::kQcow2};
  m.kernel_version = "6.1.170";
  m.envd_version = "0.1.0";
  m.hypervisor = "qemu";
  m.hypervisor_version = "7.2.19";
  m.accelerator = "tcg";
  m.processor = "model name : One";
  m.envd_token = base::Secret("0123456789abcdef");
  m.created_unix_ms = 1700000000123;
  m.defaults = {"ann", "/srv/app", {{"PATH", "/bin"}, {"EMPTY", ""}}};
  return m;
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = to_json(sample());
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CheckpointManifestTest, RoundTrip) {
  const auto read = parse_checkpoint_manifest(to_json(sample()));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(to_json(*read), to_json(sample()));
  EXPECT_EQ(read->disks, sample().disks);
  EXPECT_TRUE(read->has_memory);
  EXPECT_EQ(read->envd_token.reveal(), "0123456789abcdef");
  EXPECT_EQ(read->defaults, sample().defaults);
}

TEST(CheckpointManifestTest, OlderOnesSayNothingOfDefaults) {
  std::string text = to_json(sample());
  const auto from = text.find(",\"default_user\"");
  const auto to = text.find(",\"created_unix_ms\"");
  ASSERT_LT(from, to) << text;
  const auto read = parse_checkpoint_manifest(text.erase(from, to - from));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->defaults, GuestDefaults());
}

TEST(CheckpointManifestTest, WhatIsWrongIsNamed) {
  const struct {
    const char* from;
    const char* to;
    const char* field;
  } cases[] = {{"\"raw,qcow2,qcow2\"", "\"\"", "disks"},
               {"\"raw,qcow2,qcow2\"", "\"raw,vmdk\"", "disks"},
               {"\"raw,qcow2,qcow2\"", "7", "disks"},
               {"\"has_memory\":1", "\"has_memory\":2", "has_memory"},
               {"\"memory_layers\":3", "\"memory_layers\":-1", "memory_layers"},
               {"\"vcpus\":2", "\"vcpus\":0", "vcpus"},
               {"\"hypervisor\":\"qemu\"", "\"hypervisor\":\"\"", "hypervisor"},
               {"\"processor\"", "\"prozessor\"", "processor"}};
  for (const auto& one : cases) {
    const auto read = parse_checkpoint_manifest(with(one.from, one.to));
    ASSERT_FALSE(read) << one.to;
    EXPECT_EQ(read.error().code, base::Code::kDataLoss);
    EXPECT_NE(read.error().message.find(one.field), std::string::npos) << read.error().message;
  }
}

TEST(CheckpointManifestTest, IsForRootAlone) {
  const auto dir = base::TempDir::create();
  ASSERT_TRUE(dir);
  const Path path = dir->path() / kCheckpointFile;
  ASSERT_TRUE(write_manifest(path, sample()));
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const auto read = read_checkpoint_manifest(path);
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read), to_json(sample()));
}

}  // namespace
}  // namespace wrenn::storage
