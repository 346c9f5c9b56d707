#include "base/strings.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

using Texts = std::vector<std::string_view>;

TEST(Strings, Concat) {
  EXPECT_EQ(concat("slot ", 7, " is ", std::string("taken"), '!'), "slot 7 is taken!");
  EXPECT_EQ(concat(std::numeric_limits<std::int64_t>::min(), ' ',
                   std::numeric_limits<std::uint64_t>::max()),
            "-9223372036854775808 18446744073709551615");
}

TEST(Strings, ParseIntWantsTheWholeText) {
  EXPECT_EQ(parse_int<int>("-12"), -12);
  EXPECT_EQ(parse_int<std::uint8_t>("255"), 255);
  for (const char* text : {"", " 1", "1 ", "0x1", "+1", "1.0", "256"}) {
    EXPECT_FALSE(parse_int<std::uint8_t>(text)) << text;
  }
  EXPECT_FALSE(parse_int<unsigned>("-1"));
}

TEST(Strings, TrimAndSplitAndJoin) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(split("a,b,", ','), (Texts{"a", "b", ""}));
  EXPECT_EQ(split("", ','), Texts{""});
  EXPECT_EQ(join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(join({}, ", "), "");
  // Equal neighbours get their separator too.
  EXPECT_EQ(join({"", "", ""}, "-"), "--");
}

TEST(Strings, CaseIsAsciiOnly) {
  EXPECT_TRUE(equal_ignore_case("Content-Type", "cONTENT-tYPE"));
  EXPECT_FALSE(equal_ignore_case("a", "ab"));
  EXPECT_EQ(to_lower("ÄbC"), "Äbc");
}

TEST(Strings, Hex) {
  EXPECT_EQ(to_hex(std::string("\x00\xFF\x1a", 3)), "00ff1a");
  EXPECT_EQ(from_hex("00fF1A"), std::string("\x00\xFF\x1a", 3));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
}

TEST(Strings, Base64OfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(to_base64(plain), encoded);
    EXPECT_EQ(from_base64(encoded), plain);
  }
  for (const char* bad : {"Zg", "Zg=", "Z", "Zg==x", "Zm9v\n", "Zm-_", "====", "Zh=="}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

TEST(Strings, Base64OfAnyKind) {
  for (const char* text : {"-_8=", "-_8", "+/8=", "+/8"}) {
    EXPECT_EQ(from_any_base64(text), "\xfb\xff") << text;
  }
  for (const char* bad : {"-", "-_9", "a b=", "\xff\xff"})
    EXPECT_FALSE(from_any_base64(bad)) << bad;
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Strings, Utf8) {
  for (const char* good : {"", "abc", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                           "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << to_hex(good);
  }
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80",
                          "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "a\xFF"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << to_hex(bad);
    for (std::size_t before = 0; before < 20; ++before) {
      EXPECT_FALSE(is_valid_utf8(std::string(before, 'a') + bad + std::string(20, 'b')));
    }
  }
}

TEST(Strings, PercentCoding) {
  EXPECT_EQ(percent_encode("a b/ä~"), "a%20b%2F%C3%A4~");
  EXPECT_EQ(percent_decode("a%20b%2f+"), "a b/+");
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
  for (const char* bad : {"%", "%2", "a%", "%zz", "%-1"}) EXPECT_FALSE(percent_decode(bad)) << bad;
}

TEST(Strings, ShellQuote) {
  EXPECT_EQ(shell_quote("/usr/bin/a-b_c"), "/usr/bin/a-b_c");
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  for (const char* special :
       {"a=b", "$x", "~", "*", "a;b", "\n", "!x", "#", "\"", "\\", "\xc3\xa4"}) {
    EXPECT_EQ(shell_quote(special), concat("'", special, "'")) << special;
  }
}

TEST(Strings, HumanBytes) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(16ull << 20), "16 MiB");
  EXPECT_EQ(human_bytes(5ull << 40), "5 TiB");
}

}  // namespace
}  // namespace wrenn::base
