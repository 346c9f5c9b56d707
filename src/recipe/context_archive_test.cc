#include "recipe/context_archive.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "recipe/tar_writer.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using Type = ContextEntry::Type;

struct Read {
  std::vector<ContextEntry> entries;
  std::vector<std::string> contents;
  std::string error;  // "CUT" when it asks for more at the end.
  Code code = Code::kUnknown;
};

Read read(std::string_view bytes, std::size_t step = 1 << 20, ArchiveLimits limits = {}) {
  TarReader reader(limits);
  Read out;
  std::size_t fed = 0;
  while (true) {
    auto event = reader.next();
    if (!event) {
      out.error = event.error().message;
      out.code = event.error().code;
      EXPECT_FALSE(event.error().remedy.empty()) << out.error;
      return out;
    }
    switch (event->kind) {
      case TarEvent::Kind::kNeedInput:
        if (fed >= bytes.size()) {
          out.error = "CUT";
          return out;
        }
        reader.feed(bytes.substr(fed, step));
        fed += std::min(step, bytes.size() - fed);
        break;
      case TarEvent::Kind::kEntry:
        out.entries.push_back(event->entry);
        out.contents.emplace_back();
        break;
      case TarEvent::Kind::kData:
        EXPECT_FALSE(event->data.empty());
        out.contents.back() += event->data;
        break;
      case TarEvent::Kind::kEnd:
        return out;
    }
  }
}

ContextEntry file(std::string path, std::uint64_t size = 0) {
  return {.path = std::move(path), .mode = 0644, .size = size};
}
ContextEntry directory(std::string path) {
  return {.path = std::move(path), .type = Type::kDirectory, .mode = 0755};
}
ContextEntry link(std::string path, std::string target, Type type = Type::kSymlink) {
  return {.path = std::move(path), .type = type, .mode = 0777, .target = std::move(target)};
}

// An archive of entries whose content is all 'x'.
std::string archive(const std::vector<ContextEntry>& entries) {
  std::string out;
  for (const ContextEntry& entry : entries) {
    append_tar_header(out, entry);
    out.append(entry.size, 'x');
    append_tar_padding(out, entry.size);
  }
  append_tar_end(out);
  return out;
}

// Changes a byte of the first header, and mends its checksum.
std::string patched(std::string bytes, std::size_t offset, std::string_view with) {
  bytes.replace(offset, with.size(), with);
  unsigned sum = 0;
  for (std::size_t at = 0; at < 512; ++at) {
    sum += at >= 148 && at < 156 ? ' ' : static_cast<unsigned char>(bytes[at]);
  }
  for (std::size_t at = 154; at-- > 148; sum >>= 3) bytes[at] = static_cast<char>('0' + (sum & 7));
  return bytes;
}

TEST(TarTest, WhatWasWrittenIsRead) {
  const std::vector<ContextEntry> entries = {
      directory("dir"),
      file("dir/a", 600),
      file("dir/empty"),
      link("dir/link", "../anywhere"),
      link("dir/hard", "dir/a", Type::kHardlink),
      file("\u00fc b", 512),
      file(std::string(90, 'p') + "/" + std::string(200, 'q'), 3),
      link("long", std::string(300, 't')),
      directory(std::string(250, 'd')),
  };
  const std::string bytes = archive(entries);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{512}, bytes.size()}) {
    const Read out = read(bytes, step);
    EXPECT_EQ(out.error, "");
    ASSERT_EQ(out.entries.size(), entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      ContextEntry expected = entries[i];
      expected.offset = out.entries[i].offset;
      EXPECT_EQ(out.entries[i], expected) << i;
      EXPECT_EQ(out.contents[i], std::string(expected.size, 'x'));
      if (expected.type == Type::kFile) {
        EXPECT_EQ(bytes.substr(expected.offset, expected.size), out.contents[i]);
      }
    }
  }
}

TEST(TarTest, AnArchiveThatIsCutIsNeverWhole) {
  const std::string bytes = archive({directory("d"), file("d/a", 700)});
  for (std::size_t size = 0; size < bytes.size(); size += 13) {
    EXPECT_EQ(read(std::string_view(bytes).substr(0, size)).error, "CUT") << size;
  }
}

// Archives made by GNU tar, in its own format and in those of POSIX, and by Python.
TEST(TarTest, ReadsWhatOthersWrite) {
  for (const char* name : {"gnu.tar", "pax.tar", "ustar.tar", "python.tar"}) {
    std::ifstream stream(base::concat(WRENN_RECIPE_CORPUS, "/context_archive/", name),
                         std::ios::binary);
    std::ostringstream bytes;
    bytes << stream.rdbuf();
    const Read out = read(bytes.str(), 100);
    EXPECT_EQ(out.error, "") << name;
    bool found = false;
    for (std::size_t i = 0; i < out.entries.size(); ++i) {
      EXPECT_FALSE(out.entries[i].path.starts_with("./")) << name;
      if (out.entries[i].path == "dir/hello.txt") {
        found = true;
        EXPECT_EQ(out.contents[i], "hello\n") << name;
        EXPECT_EQ(out.entries[i].mode, 0640u) << name;
        EXPECT_EQ(out.entries[i].mtime, 1'700'000'000) << name;
      }
      if (out.entries[i].path == "dir/link") {
        EXPECT_EQ(out.entries[i].target, "hello.txt") << name;
      }
    }
    EXPECT_TRUE(found) << name;
    EXPECT_GE(out.entries.size(), 4u) << name;
  }
}

TEST(TarTest, PathsAreMadePlain) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"./a", "a"}, {"a//b", "a/b"}, {"a/./b", "a/b"}, {"././a", "a"}};
  for (const auto& [path, expected] : cases) {
    const Read out = read(archive({file(path)}));
    ASSERT_EQ(out.entries.size(), 1u) << path << out.error;
    EXPECT_EQ(out.entries[0].path, expected);
  }
  EXPECT_TRUE(read(archive({directory(".")})).entries.empty());
}

TEST(TarTest, RefusesWhatCouldDoHarm) {
  const std::string one = archive({file("a")});
  std::string late = archive({file("a")});
  late.replace(late.size() - 512, 1, "x");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {archive({file("/etc/passwd")}), "leads out"},
      {archive({file("../a")}), "leads out"},
      {archive({file("a/../../b")}), "leads out"},
      {archive({file("a/..")}), "leads out"},
      {archive({link("a", "/etc/passwd", Type::kHardlink)}), "leads out"},
      {archive({link("a", "b", Type::kHardlink)}), "hard link"},
      {archive({directory("b"), link("a", "b", Type::kHardlink)}), "hard link"},
      {archive({file("a"), file("a")}), "twice"},
      {archive({file("a"), file("./a")}), "twice"},
      {archive({file("a"), directory("a")}), "twice"},
      {archive({link("a", "/etc"), file("a/passwd")}), "no directory"},
      {archive({link("a", "/etc"), file("a/b/c")}), "no directory"},
      {archive({file("a/b"), link("a", "/etc")}), "twice"},
      {archive({file(std::string(256, 'x'))}), "255"},
      {archive({link("a", "")}), "link to nothing"},
      {archive({file("\xff")}), "UTF-8"},
      {archive({file(".")}), "no name"},
      {patched(one, 156, "3"), "device"},
      {patched(one, 156, "4"), "device"},
      {patched(one, 156, "6"), "pipe"},
      {patched(one, 156, "S"), "sparse"},
      {patched(one, 156, "Z"), "not known"},
      {patched(one, 257, std::string(8, '\0')), "kind"},
      {patched(one, 124, "0000000000x"), "size"},
      {patched(one, 124, "\xff"), "size"},
      {patched(one, 100, "zzzz"), "mode"},
      {patched(archive({directory("a")}), 124, "00000000001"), "content"},
      {std::string(512, 'x'), "no tar header"},
      {"\x1f\x8b" + std::string(600, 'x'), "no tar header"},
      {late, "behind its end"},
  };
  for (const auto& [bytes, expected] : cases) {
    const Read out = read(bytes);
    EXPECT_TRUE(out.error.contains(expected)) << expected << ": " << out.error;
    EXPECT_EQ(out.code, Code::kInvalidArgument);
  }
}

// A pax header with these records, and then the entry "a".
std::string with_pax(std::string_view records, std::string_view type = "x") {
  std::string header;
  append_tar_header(header, file("pax", records.size()));
  header = patched(header, 156, type);
  header += records;
  append_tar_padding(header, records.size());
  return header + archive({file("a")});
}

TEST(TarTest, ExtendedHeaders) {
  EXPECT_EQ(read(with_pax("13 path=b/c\n12 mtime=42.5\n12 comment=x\n")).error.contains("pax"),
            true);
  Read out = read(with_pax("12 path=b/c\n14 mtime=42.5\n13 comment=x\n"));
  ASSERT_EQ(out.entries.size(), 1u) << out.error;
  EXPECT_EQ(out.entries[0].path, "b/c");
  EXPECT_EQ(out.entries[0].mtime, 42);
  EXPECT_EQ(read(with_pax("13 comment=x\n", "g")).entries.size(), 1u);
  EXPECT_EQ(read(with_pax(std::string("b/c\0", 4), "L")).entries[0].path, "b/c");
  const std::vector<std::pair<std::string, std::string>> bad = {
      {with_pax("12 path=b/c\n", "g"), "global"},
      {with_pax("x"), "well formed"},
      {with_pax("3 \n"), "well formed"},
      {with_pax("99 path=b\n"), "well formed"},
      {with_pax("8 path=b\n"), "well formed"},
      {with_pax("7 path\n\n"), "well formed"},
      {with_pax("10 size=x\n"), "size"},
      {with_pax("22 GNU.sparse.major=1\n"), "sparse"},
      {with_pax(std::string("10 path=\0\n", 10)), "UTF-8"},
      {with_pax("12 path=../\n"), "leads out"},
  };
  for (const auto& [bytes, expected] : bad) {
    EXPECT_TRUE(read(bytes).error.contains(expected)) << expected << ": " << read(bytes).error;
  }
  // Nothing follows what was announced.
  std::string alone;
  append_tar_header(alone, file("pax", 10));
  alone = patched(alone, 156, "x") + "10 path=b\n";
  append_tar_padding(alone, 10);
  append_tar_end(alone);
  EXPECT_TRUE(read(alone).error.contains("within an entry"));
}

TEST(TarTest, DirectoriesMayBeNamedAgain) {
  const Read out = read(archive({file("a/b"), directory("a"), directory("a"), file("a/c")}));
  EXPECT_EQ(out.error, "");
  ASSERT_EQ(out.entries.size(), 3u);
  EXPECT_EQ(out.entries[1].path, "a");
}

TEST(TarTest, Limits) {
  const auto code = [](const std::vector<ContextEntry>& entries, ArchiveLimits limits) {
    return read(archive(entries), 1 << 20, limits).code;
  };
  EXPECT_EQ(code({file("a", 600), file("b", 500)}, {.total_size = 1000}), Code::kResourceExhausted);
  EXPECT_EQ(code({file("a", 600)}, {.file_size = 500}), Code::kResourceExhausted);
  EXPECT_EQ(code({file("a"), file("b"), file("c")}, {.entries = 2}), Code::kResourceExhausted);
  EXPECT_EQ(code({file("a/b/c/d")}, {.entries = 3}), Code::kResourceExhausted);
  EXPECT_EQ(code({file("aaaa"), file("bbbb")}, {.names = 7}), Code::kResourceExhausted);
  EXPECT_EQ(code({file(std::string(200, 'x'))}, {.extended_header = 100}),
            Code::kResourceExhausted);
  EXPECT_EQ(code({file(std::string(200, 'x'))}, {.path = 100}), Code::kInvalidArgument);
  // A size that no archive can keep.
  EXPECT_EQ(read(patched(archive({file("a")}), 124,
                         std::string_view("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)))
                .code,
            Code::kResourceExhausted);
}

TEST(TarTest, LargeSizesAndIdsHavePaxHeaders) {
  std::string out;
  append_tar_header(out, file("big", std::uint64_t{1} << 34), {.uid = 1u << 30, .gid = 1});
  EXPECT_TRUE(out.contains("size=17179869184\n"));
  EXPECT_TRUE(out.contains("uid=1073741824\n"));
  const Read back =
      read(out, 512, {.total_size = std::uint64_t{1} << 40, .file_size = std::uint64_t{1} << 40});
  ASSERT_EQ(back.entries.size(), 1u);
  EXPECT_EQ(back.entries[0].size, std::uint64_t{1} << 34);
}

}  // namespace
}  // namespace wrenn::recipe
