#include "base/ipv4.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::base {
namespace {

constexpr std::string_view kExample =
    "write an IPv4 address such as 93.184.215.14, or a block such as 93.184.215.0/24";

void expect_wrong(std::string_view text, std::string_view what, std::string_view remedy) {
  const auto block = Ipv4Block::parse(text);
  ASSERT_FALSE(block) << text;
  EXPECT_EQ(block.error().code, Code::kInvalidArgument) << text;
  EXPECT_EQ(block.error().message, concat('\'', text, "' ", what));
  EXPECT_EQ(block.error().remedy, remedy);
}

TEST(Ipv4Test, IsFourNumbers) {
  EXPECT_EQ(Ipv4::parse("10.12.255.1")->value, 0x0A0CFF01u);
  EXPECT_EQ(Ipv4{0x0A0CFF01}.to_string(), "10.12.255.1");
  for (const char* bad :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "01.2.3.4", "1.2.3.4 "}) {
    EXPECT_FALSE(Ipv4::parse(bad)) << bad;
  }
}

TEST(Ipv4BlockTest, IsAnAddressOrABlock) {
  EXPECT_EQ(*Ipv4Block::parse("1.2.3.4"), (Ipv4Block{{0x01020304}, 32}));
  EXPECT_EQ(*Ipv4Block::parse("1.2.3.4/32"), (Ipv4Block{{0x01020304}, 32}));
  EXPECT_EQ(*Ipv4Block::parse("1.2.3.0/24"), (Ipv4Block{{0x01020300}, 24}));
  EXPECT_EQ(*Ipv4Block::parse("128.0.0.0/1"), (Ipv4Block{{0x80000000}, 1}));
  EXPECT_EQ(*Ipv4Block::parse("0.0.0.0/0"), (Ipv4Block{{0}, 0}));
  for (const char* text : {"1.2.3.4", "1.2.3.0/24", "0.0.0.0/0"}) {
    EXPECT_EQ(Ipv4Block::parse(text)->to_string(), text);
  }
}

TEST(Ipv4BlockTest, WhatIsNoneSaysWhatToWrite) {
  expect_wrong("8.8.8.8/24", "is an address in a network, and no network",
               "write 8.8.8.0/24 for all of it, or 8.8.8.8 for that one");
  for (const auto* text : {"8.8.8.8/", "8.8.8.8/33", "8.8.8.8/-1", "8.8.8.8/08", "8.8.8.8/x",
                           "8.8.8.8/24/1", "8.8.8.8/255.255.255.0"}) {
    expect_wrong(text, "has no length from 0 to 32 after the slash",
                 "write one such as 8.8.8.8/24, or the address alone");
  }
  for (const auto* text :
       {"example.com", "abc.de", "https://example.com/", "*.example.com", "localhost:80"}) {
    expect_wrong(text, "is a name, and only addresses are taken", kExample);
  }
  for (const auto* text : {"::1", "2606:4700::1111", "2001:DB8::/32", "::ffff:8.8.8.8"}) {
    expect_wrong(text, "is IPv6, and only IPv4 is taken", kExample);
  }
  expect_wrong("8.8.8.8:53", "has a port, and addresses are taken as a whole", "write 8.8.8.8");
  for (const auto* text : {"", "/24", "8.8.8", "8.8.8.8.8", "08.8.8.8", "256.1.1.1", " 8.8.8.8",
                           "-", "8", "1.2.3.4, 5.6.7.8", "1.2.3.4-1.2.3.9", "*"}) {
    expect_wrong(text, "is no IPv4 address", kExample);
  }
}

TEST(Ipv4BlockTest, WhatIsLongOrNotPlainIsNotRepeated) {
  EXPECT_EQ(Ipv4Block::parse(std::string(100000, '1')).error().message,
            "a text of 100000 bytes is no IPv4 address");
  EXPECT_EQ(Ipv4Block::parse(std::string_view("1.2.3.4\0", 8)).error().message,
            "a text of 8 bytes is no IPv4 address");
}

TEST(Ipv4BlockTest, KnowsWhatIsSpecial) {
  const auto special = [](std::string_view text) { return find_special(*Ipv4Block::parse(text)); };
  for (const auto* text : {"10.0.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255",
                           "100.64.0.1", "192.168.0.0/24", "224.0.0.1", "255.255.255.255"}) {
    EXPECT_TRUE(special(text)) << text;
  }
  EXPECT_EQ(special("10.1.2.3")->to_string(), "10.0.0.0/8");
  for (const auto* text : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "203.0.113.7", "9.255.255.255",
                           "0.0.0.0/0", "8.0.0.0/5"}) {
    EXPECT_FALSE(special(text)) << text;
  }
}

}  // namespace
}  // namespace wrenn::base
