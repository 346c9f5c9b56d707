#include "recipe/ignore_file.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::recipe {
namespace {

bool ignores(std::string_view patterns, std::string_view path) {
  auto file = IgnoreFile::parse(patterns);
  EXPECT_TRUE(file) << patterns;
  return file && file->ignores(path);
}

struct Case {
  const char* patterns;
  std::vector<const char*> ignored;
  std::vector<const char*> kept;
};

TEST(IgnoreFileTest, DoesWhatDockerDoes) {
  const std::vector<Case> cases = {
      // Of Docker's documentation.
      {"*/temp*", {"somedir/temporary.txt", "somedir/temp", "a/temp/b"}, {"temp", "a/b/temp"}},
      {"*/*/temp*", {"somedir/subdir/temporary.txt"}, {"somedir/temp"}},
      {"temp?", {"tempa", "tempb", "tempa/x"}, {"temp", "tempab", "a/tempa"}},
      {"**/*.go", {"a.go", "a/b/c.go"}, {"a.goo", "go"}},
      {"*.md\n!README.md", {"a.md", "CHANGES.md"}, {"README.md", "a/b.md"}},
      {"*.md\n!README*.md\nREADME-secret.md", {"a.md", "README-secret.md"}, {"README-x.md"}},
      {"*.md\nREADME-secret.md\n!README*.md", {"a.md"}, {"README-secret.md"}},
      // What a directory has goes with it, and can be taken back.
      {"node_modules", {"node_modules", "node_modules/a/b"}, {"a/node_modules", "node_modules2"}},
      {"**/node_modules", {"node_modules/x", "a/b/node_modules/x"}, {"a/node_modules2"}},
      {"*\n!src", {"a", "srcs", "b/src"}, {"src", "src/a/b"}},
      {"*\n!src\nsrc/*.o", {"src/a.o", "x"}, {"src/a.c"}},
      {"a\n!a/b/c", {"a", "a/b", "a/b/d"}, {"a/b/c", "a/b/c/d"}},
      // How patterns may be written.
      {"/foo\nbar/\n./baz\nx//y\na/../q", {"foo", "bar/x", "baz", "x/y", "q"}, {"a/foo"}},
      {"# comment\n\n  \n \t trimmed \t\n", {"trimmed"}, {"# comment", "comment"}},
      {" # no comment", {"# no comment"}, {"x"}},
      {"! keep\nx\n! x", {}, {"keep", "x"}},
      {"a\r\nb\r\n", {"a", "b"}, {"c"}},
      {"\xef\xbb\xbf"
       "a",
       {"a"},
       {}},
      {".", {}, {"a", "a/b"}},
      {"/", {}, {"a"}},
      // Double stars.
      {"**", {"a", "a/b", ".x"}, {}},
      {"a/**", {"a/b", "a/b/c"}, {"a", "ab"}},
      {"a/**/b", {"a/b", "a/x/b", "a/x/y/b"}, {"ab", "axb"}},
      {"**/b", {"b", "a/b", "a/a/b/c"}, {"ab", "bb"}},
      {"a**b", {"ab", "ax/b"}, {"axb"}},
      {"**/*foo*/**", {"xfoox/a", "a/foo/b"}, {"foo"}},
      // Sets and escapes.
      {"[a-c]x", {"ax", "cx"}, {"dx"}},
      {"[^a-c]x", {"dx"}, {"ax", "/x"}},
      {"a[]]b\n[a-]c", {"a]b", "-c", "ac"}, {"bc"}},
      {"\\*x\n\\!y", {"*x", "!y"}, {"ax", "y"}},
      {"\\#x", {"#x"}, {"x"}},
      {"?", {"\u00fc"}, {"ab"}},
      {"[\u00e4-\u00fc]", {"\u00f6"}, {"o"}},
  };
  for (const Case& one : cases) {
    for (const char* path : one.ignored)
      EXPECT_TRUE(ignores(one.patterns, path)) << one.patterns << " : " << path;
    for (const char* path : one.kept)
      EXPECT_FALSE(ignores(one.patterns, path)) << one.patterns << " : " << path;
  }
}

TEST(IgnoreFileTest, SaysWhatIsWrong) {
  for (const char* bad : {"a\n[b", "a\nb\\", "a\n[z-a]", "a\n!", "a\n[a-"}) {
    const auto file = IgnoreFile::parse(bad);
    ASSERT_FALSE(file) << bad;
    EXPECT_TRUE(file.error().message.contains("line 2")) << file.error().message;
    EXPECT_FALSE(file.error().remedy.empty());
  }
  EXPECT_FALSE(IgnoreFile::parse(std::string(Glob::kMaxPattern + 1, 'x')));
  std::string many;
  for (int i = 0; i < 10'001; ++i) many += "x\n";
  EXPECT_FALSE(IgnoreFile::parse(many));
}

TEST(IgnoreFileTest, DirectoriesThatNeedNotBeLookedAt) {
  const auto file = *IgnoreFile::parse("*\n!src/main\n!a*/x\n!**/keep.txt");
  EXPECT_TRUE(file.may_keep_below("src"));
  EXPECT_TRUE(file.may_keep_below("anything"));
  const auto plain = *IgnoreFile::parse("*\n!src/main\n!ab*/x");
  EXPECT_TRUE(plain.may_keep_below("src"));
  EXPECT_TRUE(plain.may_keep_below("src/main"));
  EXPECT_FALSE(plain.may_keep_below("src2"));
  EXPECT_FALSE(plain.may_keep_below("other"));
  EXPECT_TRUE(plain.may_keep_below("abc"));
  EXPECT_TRUE(plain.may_keep_below("abc/d"));
  EXPECT_FALSE(IgnoreFile::parse("*")->may_keep_below("a"));
}

TEST(GlobTest, StarsStandForNoSlash) {
  const auto glob = *Glob::parse("a/**/*.c", Glob::DoubleStar::kNone);
  EXPECT_TRUE(glob.matches("a/b/c.c"));
  EXPECT_FALSE(glob.matches("a/b/d/c.c"));
  EXPECT_FALSE(glob.matches("a/c.c"));
  EXPECT_EQ(Glob::parse("a\\*b", Glob::DoubleStar::kNone)->literal(), "a*b");
}

TEST(GlobTest, ManyStarsTakeNoLongTime) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  const auto glob = *Glob::parse(pattern + "b", Glob::DoubleStar::kDirectories);
  EXPECT_FALSE(glob.matches(std::string(4000, 'a')));
}

}  // namespace
}  // namespace wrenn::recipe
