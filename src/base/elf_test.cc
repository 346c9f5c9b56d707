#include "base/elf.h"

#include <elf.h>

#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

std::string program(Elf64_Half machine, std::initializer_list<Elf64_Word> segments) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = machine;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<Elf64_Half>(segments.size());
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  for (const Elf64_Word type : segments) {
    Elf64_Phdr segment{};
    segment.p_type = type;
    bytes.append(reinterpret_cast<const char*>(&segment), sizeof segment);
  }
  return bytes;
}

TEST(Elf, WhatIsAProgram) {
  EXPECT_TRUE(parse_elf(program(EM_X86_64, {PT_LOAD, PT_DYNAMIC}))->is_static);
  EXPECT_FALSE(parse_elf(program(EM_X86_64, {PT_INTERP, PT_LOAD}))->is_static);
  const auto self = read_elf("/proc/self/exe");
  ASSERT_TRUE(self) << self.error().message;
}

TEST(Elf, WhatIsNone) {
  const std::string good = program(EM_X86_64, {PT_LOAD});
  EXPECT_FALSE(parse_elf(""));
  EXPECT_FALSE(parse_elf("#!/bin/sh\n" + std::string(100, 'x')));
  EXPECT_FALSE(parse_elf(program(EM_AARCH64, {PT_LOAD})));
  EXPECT_FALSE(parse_elf(program(EM_X86_64, {})));
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(parse_elf(good.substr(0, length))) << length;
  }
  std::string far = good;
  const Elf64_Off beyond = ~Elf64_Off{0} - 8;
  std::memcpy(far.data() + offsetof(Elf64_Ehdr, e_phoff), &beyond, sizeof beyond);
  EXPECT_FALSE(parse_elf(far));
  EXPECT_FALSE(read_elf("/nowhere"));
}

}  // namespace
}  // namespace wrenn::base
