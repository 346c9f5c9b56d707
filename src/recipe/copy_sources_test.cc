#include "recipe/copy_sources.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using Type = ContextEntry::Type;
using Strings = std::vector<std::string>;

const std::vector<ContextEntry> kContext = {
    {.path = "readme.md", .mode = 0644},
    {.path = "src", .type = Type::kDirectory, .mode = 0755},
    {.path = "src/main.c", .mode = 0644},
    {.path = "src/util.c", .mode = 0644},
    {.path = "src/util.o", .mode = 0644},
    {.path = "src/sub", .type = Type::kDirectory, .mode = 0700},
    {.path = "src/sub/deep.c", .mode = 0644},
    {.path = "src-2/x", .mode = 0644},  // Its directory has no entry.
    {.path = "link", .type = Type::kSymlink, .mode = 0777, .target = "src/sub"},
    {.path = "src/up", .type = Type::kSymlink, .mode = 0777, .target = "../readme.md"},
    {.path = "out", .type = Type::kSymlink, .mode = 0777, .target = "/etc/passwd"},
    {.path = "loop", .type = Type::kSymlink, .mode = 0777, .target = "loop"},
    {.path = "hard", .type = Type::kHardlink, .target = "src/main.c"},
    {.path = "a[b", .mode = 0644},
};

Copy copy_of(Strings sources, std::string destination) {
  Copy copy;
  copy.sources = std::move(sources);
  copy.destination = std::move(destination);
  return copy;
}

// "name<source" of everything that is placed, or the code of the error.
Strings placed(const Copy& copy, Destination destination = Destination::kMissing) {
  const auto result = place_sources(kContext, copy, destination);
  if (!result) {
    EXPECT_FALSE(result.error().remedy.empty()) << result.error().message;
    return {std::string(base::code_name(result.error().code))};
  }
  Strings out;
  for (const PlacedEntry& entry : *result) {
    out.push_back(base::concat(entry.path, "<", kContext[entry.entry].path));
  }
  return out;
}

TEST(CopySourcesTest, FilesAsDocker) {
  EXPECT_EQ(placed(copy_of({"readme.md"}, "/x")), Strings{"<readme.md"});
  EXPECT_EQ(placed(copy_of({"/readme.md"}, "/x")), Strings{"<readme.md"});
  EXPECT_EQ(placed(copy_of({"./src/../readme.md"}, "/x")), Strings{"<readme.md"});
  EXPECT_EQ(placed(copy_of({"readme.md"}, "/x/")), Strings{"readme.md<readme.md"});
  EXPECT_EQ(placed(copy_of({"readme.md"}, "/x"), Destination::kDirectory),
            Strings{"readme.md<readme.md"});
  EXPECT_EQ(placed(copy_of({"src/main.c", "readme.md"}, "/x/")),
            (Strings{"main.c<src/main.c", "readme.md<readme.md"}));
  EXPECT_EQ(placed(copy_of({"hard"}, "/x/")), Strings{"hard<src/main.c"});
  EXPECT_EQ(
      place_sources(kContext, copy_of({"readme.md"}, "/x"), Destination::kMissing, 1)->at(0).path,
      "readme.md");
}

TEST(CopySourcesTest, DirectoriesAsDocker) {
  const Strings src = {"main.c<src/main.c", "sub<src/sub",       "sub/deep.c<src/sub/deep.c",
                       "up<src/up",         "util.c<src/util.c", "util.o<src/util.o"};
  EXPECT_EQ(placed(copy_of({"src"}, "/x")), src);
  EXPECT_EQ(placed(copy_of({"src/"}, "/x/")), src);
  EXPECT_EQ(placed(copy_of({"src-2"}, "/x")), Strings{"x<src-2/x"});
  EXPECT_EQ(placed(copy_of({"."}, "/x")).size(), kContext.size());
  EXPECT_EQ(placed(copy_of({"/"}, "/x")).size(), kContext.size());
  EXPECT_EQ(placed(copy_of({"src/sub", "src-2"}, "/x/")),
            (Strings{"deep.c<src/sub/deep.c", "x<src-2/x"}));
}

TEST(CopySourcesTest, Wildcards) {
  EXPECT_EQ(placed(copy_of({"src/*.c"}, "/x/")),
            (Strings{"main.c<src/main.c", "util.c<src/util.c"}));
  EXPECT_EQ(placed(copy_of({"s*/m*"}, "/x")), Strings{"<src/main.c"});
  EXPECT_EQ(placed(copy_of({"src/util.?"}, "/x/")),
            (Strings{"util.c<src/util.c", "util.o<src/util.o"}));
  EXPECT_EQ(placed(copy_of({"src*"}, "/x/")).size(), 7u);
  EXPECT_EQ(placed(copy_of({"a\\[b"}, "/x")), Strings{"<a[b"});
  EXPECT_EQ(placed(copy_of({"a[[]b"}, "/x")), Strings{"<a[b"});
  EXPECT_EQ(placed(copy_of({"src/*.c"}, "/x")), Strings{"invalid_argument"});
  EXPECT_EQ(placed(copy_of({"src/*.c"}, "/x"), Destination::kDirectory).size(), 2u);
  EXPECT_EQ(placed(copy_of({"*.none"}, "/x/")), Strings{"not_found"});
  EXPECT_EQ(placed(copy_of({"[x"}, "/x/")), Strings{"invalid_argument"});
}

TEST(CopySourcesTest, Links) {
  EXPECT_EQ(placed(copy_of({"link"}, "/x")), Strings{"deep.c<src/sub/deep.c"});
  EXPECT_EQ(placed(copy_of({"src/up"}, "/x/")), Strings{"up<readme.md"});
  // A link to outside is seen from the root of the context.
  EXPECT_EQ(placed(copy_of({"out"}, "/x")), Strings{"not_found"});
  EXPECT_EQ(placed(copy_of({"loop"}, "/x")), Strings{"not_found"});
}

TEST(CopySourcesTest, WhatIsNotThere) {
  EXPECT_EQ(placed(copy_of({"none"}, "/x")), Strings{"not_found"});
  EXPECT_EQ(placed(copy_of({"../x"}, "/x")), Strings{"invalid_argument"});
  EXPECT_EQ(placed(copy_of({"src/../../x"}, "/x")), Strings{"invalid_argument"});
}

TEST(CopySourcesTest, Excluded) {
  Copy copy = copy_of({"src"}, "/x/");
  copy.exclude = {"*.o", "sub", "up"};
  EXPECT_EQ(placed(copy), (Strings{"main.c<src/main.c", "util.c<src/util.c"}));
  copy.sources = {"src/*"};
  copy.exclude = {"**/*.c", "!main.c"};
  EXPECT_EQ(placed(copy), (Strings{"main.c<src/main.c", "up<readme.md", "util.o<src/util.o"}));
}

TEST(CopySourcesTest, Parents) {
  Copy copy = copy_of({"src/main.c", "src/sub"}, "/x/");
  copy.keep_parents = true;
  EXPECT_EQ(placed(copy),
            (Strings{"src/main.c<src/main.c", "src/sub<src/sub", "src/sub/deep.c<src/sub/deep.c"}));
  copy.sources = {"src/./sub/*.c"};
  EXPECT_EQ(placed(copy), Strings{"sub/deep.c<src/sub/deep.c"});
  copy.sources = {"./src/main.c"};
  EXPECT_EQ(placed(copy), Strings{"src/main.c<src/main.c"});
}

TEST(CopySourcesTest, AsCp) {
  Copy copy = copy_of({"src/sub"}, "/x");
  copy.directories = Copy::Directories::kAsCp;
  EXPECT_EQ(placed(copy), (Strings{"<src/sub", "deep.c<src/sub/deep.c"}));
  EXPECT_EQ(placed(copy, Destination::kDirectory),
            (Strings{"sub<src/sub", "sub/deep.c<src/sub/deep.c"}));
  copy.sources = {"src/sub/."};
  EXPECT_EQ(placed(copy, Destination::kDirectory), Strings{"deep.c<src/sub/deep.c"});
  copy.sources = {"."};
  EXPECT_EQ(placed(copy, Destination::kDirectory).size(), kContext.size());
  copy.sources = {"link", "readme.md"};
  copy.destination = "/x/";
  EXPECT_EQ(placed(copy), (Strings{"link<link", "readme.md<readme.md"}));
  copy.sources = {"src/*.c"};
  EXPECT_EQ(placed(copy), Strings{"not_found"});
  copy.sources = {"a[b"};
  EXPECT_EQ(placed(copy), Strings{"a[b<a[b"});
}

TEST(CopySourcesTest, WhatTheKeyTakes) {
  const Copy copy = copy_of({"src/sub", "hard", "src-2"}, "/x/");
  const auto entries = place_sources(kContext, copy, Destination::kMissing);
  ASSERT_TRUE(entries);
  Strings digests(kContext.size());
  digests[2] = "main";
  const auto files = copied_files(kContext, *entries, digests, copy);
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[1], (CopiedFile{"hard", CopiedFile::Type::kFile, 0644, "main"}));
}

TEST(CopySourcesTest, NamesOfUrls) {
  EXPECT_EQ(url_file_name("https://example.com/a/b%20c.tar?x=/y"), "b c.tar");
  for (const char* bad :
       {"https://example.com", "https://example.com/", "https://example.com/a/",
        "https://example.com/%2e%2e", "https://example.com/a%2fb", "https://example.com/%"}) {
    EXPECT_FALSE(url_file_name(bad)) << bad;
  }
}

TEST(CopySourcesTest, Archives) {
  std::string tar(300, '\0');
  tar.replace(257, 5, "ustar");
  EXPECT_EQ(packed_as(tar), PackedAs::kTar);
  EXPECT_EQ(packed_as("\x1f\x8b\x08"), PackedAs::kGzip);
  EXPECT_EQ(packed_as("BZh9"), PackedAs::kBzip2);
  EXPECT_EQ(packed_as(std::string("\xfd"
                                  "7zXZ\0",
                                  6)),
            PackedAs::kXz);
  EXPECT_EQ(packed_as("\x28\xb5\x2f\xfd"), PackedAs::kZstd);
  EXPECT_EQ(packed_as("hello"), PackedAs::kNothing);
  EXPECT_EQ(packed_as(""), PackedAs::kNothing);
}

}  // namespace
}  // namespace wrenn::recipe
