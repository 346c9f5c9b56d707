#include "cli/firecracker_setup.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(FirecrackerSetup, WhatAProgramSaysItIs) {
  EXPECT_EQ(version_said("Firecracker v1.13.1\n\nand more\n", "Firecracker"), "1.13.1");
  EXPECT_EQ(version_said("Jailer v1.17.0-dev\n", "Jailer"), "1.17.0");
  for (const auto* output : {"", "Firecracker", "Firecracker v", "Firecracker vx.1", "jailer v1.2",
                             "QEMU emulator version 7.2", "\nFirecracker v1.2"}) {
    EXPECT_EQ(version_said(output, "Firecracker"), "") << output;
  }
}

TEST(FirecrackerSetup, WhichChecksumIsOfTheFile) {
  const std::string sum(64, 'a');
  const std::string other(64, 'b');
  EXPECT_EQ(checksum_in(sum + "  f.tgz\n", "f.tgz"), sum);
  EXPECT_EQ(checksum_in(other + "  g.tgz\n" + sum + " *./dist/f.tgz", "f.tgz"), sum);
  EXPECT_EQ(checksum_in(sum + "  f.tgz.old\n", "f.tgz"), "");
  EXPECT_EQ(checksum_in(sum, "f.tgz"), "");
  EXPECT_EQ(checksum_in("f.tgz", "f.tgz"), "");
  EXPECT_EQ(checksum_in(std::string(64, 'x') + "  f.tgz", "f.tgz"), "");
}

}  // namespace
}  // namespace wrenn::cli
