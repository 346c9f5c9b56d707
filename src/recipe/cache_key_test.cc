#include "recipe/cache_key.h"

#include <set>

#include <gtest/gtest.h>

namespace wrenn::recipe {
namespace {

Execute execute(std::vector<std::string> argv, Environment environment = {}) {
  return {{std::move(argv), std::move(environment), "/", "root"}, {}, {}, {}};
}

CopyFiles copy_to(std::string destination) {
  CopyFiles out;
  out.copy.sources = {"a"};
  out.copy.destination = std::move(destination);
  out.owner = "0:0";
  return out;
}

TEST(CacheKeyTest, EveryDifferenceCounts) {
  const LayerKey base = base_key("template", "minimal");
  std::set<LayerKey> keys;
  std::size_t count = 0;
  const auto add = [&](const LayerKey& key) {
    EXPECT_EQ(key.size(), 64u);
    keys.insert(key);
    ++count;
    EXPECT_EQ(keys.size(), count);
  };
  add(base);
  add(base_key("templatem", "inimal"));
  add(base_key("image", "minimal"));
  add(step_key(base, execute({"a", "b"}), {}));
  add(step_key(base_key("template", "x"), execute({"a", "b"}), {}));
  add(step_key(base, execute({"ab"}), {}));
  add(step_key(base, execute({"a", "b", ""}), {}));
  add(step_key(base, execute({"a"}, {{"b", ""}}), {}));
  add(step_key(base, execute({"a"}, {{"b", "c"}}), {}));
  add(step_key(base, execute({"a"}, {{"bc", ""}}), {}));
  Execute other = execute({"a", "b"});
  other.process.user = "app";
  add(step_key(base, other, {}));
  other.process.workdir = "/w";
  add(step_key(base, other, {}));
  other.script = "";
  add(step_key(base, other, {}));
  other.script = "x";
  add(step_key(base, other, {}));
  add(step_key(base, Launch{execute({"a", "b"}).process}, {}));
  add(step_key(base, MakeDirectory{"/a", "b"}, {}));
  add(step_key(base, MakeDirectory{"/a", "c"}, {}));
  add(step_key(base, EnsureUser{"/a"}, {}));
  const CopiedFile file{"a", CopiedFile::Type::kFile, 0644, "digest"};
  add(step_key(base, copy_to("/x"), {}));
  add(step_key(base, copy_to("/x/"), {}));
  add(step_key(base, copy_to("/x"), {{file}, {}}));
  add(step_key(base, copy_to("/x"), {{file, file}, {}}));
  add(step_key(base, copy_to("/x"), {{{"b", file.type, file.mode, file.digest}}, {}}));
  add(step_key(base, copy_to("/x"),
               {{{"a", CopiedFile::Type::kSymlink, file.mode, file.digest}}, {}}));
  add(step_key(base, copy_to("/x"), {{{"a", file.type, 0755, file.digest}}, {}}));
  add(step_key(base, copy_to("/x"), {{{"a", file.type, file.mode, "other"}}, {}}));
  CopyFiles copy = copy_to("/x");
  copy.owner = "1:1";
  add(step_key(base, copy, {{file}, {}}));
  copy.copy.chmod = "755";
  add(step_key(base, copy, {{file}, {}}));
  copy.copy.kind = Copy::Kind::kAdd;
  add(step_key(base, copy, {{file}, {}}));
  copy.copy.unpack = false;
  add(step_key(base, copy, {{file}, {}}));
  copy.urls = {"https://example.com/a"};
  add(step_key(base, copy, {{file}, {}}));
  copy.copy.files = {{"n", "c", false}};
  add(step_key(base, copy, {{file}, {}}));
  copy = copy_to("/x");
  copy.copy.from_stage = 0;
  add(step_key(base, copy, {{}, "key"}));
  add(step_key(base, copy, {{}, "other"}));
  copy.copy.sources = {"b"};
  add(step_key(base, copy, {{}, "key"}));
  copy.copy.exclude = {"b"};
  add(step_key(base, copy, {{}, "key"}));
}

TEST(CacheKeyTest, WhatMakesNoDifferenceDoesNotCount) {
  const LayerKey base = base_key("template", "minimal");
  EXPECT_EQ(step_key(base, std::monostate{}, {}), base);
  Execute plain = execute({"a"}, {{"b", "c"}});
  Execute proxied = execute({"a"}, {{"b", "c"}, {"HTTP_PROXY", "p"}});
  proxied.not_in_key = {"HTTP_PROXY"};
  proxied.timeout = std::chrono::seconds(5);
  EXPECT_EQ(step_key(base, plain, {}), step_key(base, proxied, {}));
  const CopiedFile one{"a", CopiedFile::Type::kFile, 0644, "x"};
  const CopiedFile two{"b", CopiedFile::Type::kDirectory, 0755, ""};
  EXPECT_EQ(step_key(base, copy_to("/x"), {{one, two}, {}}),
            step_key(base, copy_to("/x"), {{two, one}, {}}));
  CopyFiles renamed = copy_to("/x");
  renamed.copy.sources = {"./a"};
  EXPECT_EQ(step_key(base, copy_to("/x"), {{one}, {}}), step_key(base, renamed, {{one}, {}}));
}

// A key that changes without kBuilderVersion makes every layer be built again.
TEST(CacheKeyTest, StaysAsItIs) {
  EXPECT_EQ(base_key("template", "minimal"),
            "05a15497d86b557991fa460623e9f88ab2b3fe98392f9275cc2b55ecd0a7700c");
  EXPECT_EQ(step_key("", execute({"/bin/sh", "-c", "true"}, {{"A", "1"}}), {}),
            "a75ce68361e8b05b34607a4e0332defd3723c2b43a4a62181bb097d2f47bd4de");
}

}  // namespace
}  // namespace wrenn::recipe
