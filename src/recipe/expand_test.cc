#include "recipe/expand.h"

#include <gtest/gtest.h>

#include "recipe/duration.h"
#include "recipe/exec_form.h"
#include "recipe/words.h"

namespace wrenn::recipe {
namespace {

using Strings = std::vector<std::string>;

const Environment kEnvironment = {{"empty", ""},        {"foo", "/bar"},      {"name", "foobarbaz"},
                                  {"path", "/a/b/c.t"}, {"PWD", "/home"},     {"dollar", "$foo"},
                                  {"uni", "f\u00fcr"},  {"quoted", "\"a b\""}};

std::string expand(std::string_view word, ExpandOptions options = {}) {
  auto result = expand_word(word, kEnvironment, options);
  return result ? *result : "ERROR " + result.error().to_string();
}

TEST(ExpandTest, DoesWhatDockerDoes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"hello", "hello"},
      {"$foo", "/bar"},
      {"${foo}", "/bar"},
      {"$foo$foo", "/bar/bar"},
      {"a${foo}b", "a/barb"},
      {"$foo_", ""},
      {"$none", ""},
      {"${none}", ""},
      {"$uni", "f\u00fcr"},
      // Escapes and quotes.
      {R"(\$foo)", "$foo"},
      {R"(\${foo})", "${foo}"},
      {R"(he\'llo)", "he'llo"},
      {R"(he\\llo)", R"(he\llo)"},
      {R"(hello\)", "hello"},
      {"'$foo'", "$foo"},
      {R"('a\b')", R"(a\b)"},
      {R"("$foo")", "/bar"},
      {R"("a b"'c d')", "a bc d"},
      {R"("he\"llo")", "he\"llo"},
      {R"("he\'llo")", R"(he\'llo)"},
      {R"("\$foo")", "$foo"},
      {R"("a\\b")", R"(a\b)"},
      {R"("'$foo'")", "'/bar'"},
      {"$quoted", "\"a b\""},
      {"$dollar", "$foo"},
      {"a b  c", "a b  c"},
      // What is no name.
      {"$", "$"},
      {"a$", "a$"},
      {"$/x", "$/x"},
      {"$$foo", "foo"},
      {"$1x", "x"},
      {"${1}", ""},
      // Defaults and alternatives.
      {"${none:-d}", "d"},
      {"${empty:-d}", "d"},
      {"${empty-d}", ""},
      {"${none-d}", "d"},
      {"${foo:-d}", "/bar"},
      {"${none:-$foo}", "/bar"},
      {"${none:-${none:-${foo}}}", "/bar"},
      {"${none:-\"a b\"}", "a b"},
      {"${none:-}", ""},
      {"${foo:+a}", "a"},
      {"${empty:+a}", ""},
      {"${empty+a}", "a"},
      {"${none:+a}", ""},
      {"${foo:+$PWD}", "/home"},
      {"${foo:?no}", "/bar"},
      {"${empty?no}", ""},
      // Patterns.
      {"${name#foo}", "barbaz"},
      {"${name#f*b}", "arbaz"},
      {"${name##f*b}", "az"},
      {"${name%baz}", "foobar"},
      {"${name%b*}", "foobar"},
      {"${name%%b*}", "foo"},
      {"${name#x}", "foobarbaz"},
      {"${name#???}", "barbaz"},
      {"${path##*/}", "c.t"},
      {"${path%/*}", "/a/b"},
      {"${path%%.*}", "/a/b/c"},
      {"${none#x}", ""},
      {R"(${dollar#\$})", "foo"},
      {"${name/ba/X}", "fooXrbaz"},
      {"${name//ba/X}", "fooXrXz"},
      {"${name//b?/}", "foorz"},
      {"${name/x/y}", "foobarbaz"},
      {R"(${path//\//-})", "-a-b-c.t"},
      {"${name//o*b/$foo}", "f/baraz"},
  };
  for (const auto& [word, expected] : cases) EXPECT_EQ(expand(word), expected) << word;
}

TEST(ExpandTest, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"${", "has no name"},         {"${}", "has no name"},        {"${:}", "has no name"},
      {"${foo", "has no \"}\""},     {"${foo:-", "has no \"}\""},   {"${foo:x}", "is not known"},
      {"${foo!x}", "is not known"},  {"'a", "single quote"},        {"\"a", "double quote"},
      {"${none:?say so}", "say so"}, {"${empty:?}", "must be set"}, {"${name/x", "has no \"}\""},
  };
  for (const auto& [word, expected] : cases) {
    const std::string result = expand(word);
    EXPECT_TRUE(result.starts_with("ERROR") && result.contains(expected)) << word << ": " << result;
  }
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "${none:-";
  EXPECT_TRUE(expand(deep + "x" + std::string(40, '}')).contains("nested"));
}

TEST(ExpandTest, ASyntaxCheckNeedsNoValues) {
  EXPECT_TRUE(check_word("${none:?must be there} $x ${y#z}", {}));
  EXPECT_FALSE(check_word("${none", {}));
}

TEST(ExpandTest, AnotherEscape) {
  EXPECT_EQ(expand(R"(C:\$foo)", {.escape = '`'}), R"(C:\/bar)");
  EXPECT_EQ(expand("`$foo", {.escape = '`'}), "$foo");
}

TEST(ExpandTest, HereDocumentsKeepTheirQuotes) {
  const ExpandOptions kept{.quotes = ExpandOptions::Quotes::kKept};
  EXPECT_EQ(expand("echo '$foo' \"x\"\n", kept), "echo '/bar' \"x\"\n");
  EXPECT_EQ(expand(R"(\$foo \\ \n \" it's)", kept), R"($foo \ \n \" it's)");
  EXPECT_EQ(expand("${none:-'d'}", kept), "'d'");
}

TEST(ExpandTest, NothingGrowsWithoutBound) {
  Environment environment = {{"a", std::string(60'000, 'x')}};
  EXPECT_FALSE(expand_word("$a$a", environment, {}));
  EXPECT_EQ(expand_word("$a$a", environment, {.longest = 200'000})->size(), 120'000u);
  // A pattern that would take the square of the value.
  EXPECT_FALSE(expand_word("${a//x*y/z}", environment, {}));
  EXPECT_TRUE(expand_word("${a##*y}", environment, {}));
}

TEST(ExpandTest, RecipesKnowThreeForms) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"$foo:x", "/bar:x"}, {"${foo}x", "/barx"},     {"$$foo", "$foo"}, {"$none", ""},
      {"'$foo'", "'/bar'"}, {R"(\$foo)", R"(\/bar)"}, {"a$", "a$"},      {"${foo", "${foo"},
      {"${foo:-x}", ""},    {"$ x", "$ x"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(expand_recipe_value(text, kEnvironment, 100), expected) << text;
  }
  EXPECT_FALSE(expand_recipe_value("$foo$foo", kEnvironment, 5));
}

TEST(WordsTest, SplitsOutsideOfQuotes) {
  const std::vector<std::pair<std::string, Strings>> cases = {
      {"", {}},
      {"  a\tb ", {"a", "b"}},
      {R"(a="b c" d='e f')", {R"(a="b c")", R"(d='e f')"}},
      {R"(a\ b c)", {R"(a\ b)", "c"}},
      {R"("a\" b" c)", {R"("a\" b")", "c"}},
      {R"('a\' b)", {R"('a\')", "b"}},
      {R"("" x)", {R"("")", "x"}},
      {R"(a "b c)", {"a", R"("b c)"}},
      {R"(a\)", {"a"}},
      {R"(a\\)", {R"(a\\)"}},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(split_words(text, '\\'), expected) << text;
}

TEST(WordsTest, TakesFlags) {
  const auto taken = take_flags(R"(--a=1 --b="x y" --c  --d=e\ f rest --no)", '\\');
  ASSERT_EQ(taken.flags.size(), 4u);
  EXPECT_EQ(taken.flags[0].value, "1");
  EXPECT_EQ(taken.flags[1].value, "x y");
  EXPECT_FALSE(taken.flags[2].has_value);
  EXPECT_EQ(taken.flags[3].value, "e f");
  EXPECT_EQ(taken.rest, "rest --no");
  EXPECT_EQ(take_flags("-- --x", '\\').rest, "--x");
  EXPECT_EQ(take_flags("--x", '\\').rest, "");
}

TEST(ExecFormTest, IsAnArrayOfStrings) {
  const std::vector<std::pair<std::string, Strings>> good = {
      {"[]", {}},
      {" [ \"a\" , \"b c\" ] ", {"a", "b c"}},
      {R"(["\"\\\/\b\f\n\r\t"])", {"\"\\/\b\f\n\r\t"}},
      {R"(["\u0041\u00e9\u20ac\ud83d\ude00"])", {"A\u00e9\u20ac\U0001f600"}},
      {"[\"\u00e9\"]", {"\u00e9"}},
  };
  for (const auto& [text, expected] : good) EXPECT_EQ(parse_exec_form(text), expected) << text;
  for (const char* text :
       {"", "[", "[\"a\"", "[\"a\",]", "[,]", "['a']", "[1]", "[\"a\"] x", "[\"a\" \"b\"]", "a",
        R"(["\x"])", R"(["\u00"])", R"(["\ud800"])", R"(["\u0000"])", R"(["\ud800\u0041"])",
        "[\"a\nb\"]", "[[\"a\"]]", "[\"a]"}) {
    EXPECT_EQ(parse_exec_form(text), std::nullopt) << text;
  }
}

TEST(DurationTest, ReadsWhatGoWrites) {
  using namespace std::chrono_literals;
  const std::vector<std::pair<std::string, std::chrono::nanoseconds>> good = {
      {"0", 0s},      {"0s", 0s},  {"5m", 5min},       {"1h30m", 90min}, {"1.5s", 1500ms},
      {".5s", 500ms}, {"1.s", 1s}, {"100ms", 100ms},   {"1us", 1us},     {"1\u00b5s", 1us},
      {"7ns", 7ns},   {"+3s", 3s}, {"1m1ms", 60001ms},
  };
  for (const auto& [text, expected] : good) EXPECT_EQ(parse_duration(text), expected) << text;
  for (const char* text : {"", "5", "-1s", "s", "1x", "1 s", ".s", "1e3s", "99999999999h",
                           "9223372036854775807h", "80000h80000h"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
  EXPECT_EQ(format_duration(90min), "1h30m");
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
}

}  // namespace
}  // namespace wrenn::recipe
