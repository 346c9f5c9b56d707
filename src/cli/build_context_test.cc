#include "cli/build_context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/crypto.h"

namespace wrenn::cli {
namespace {

using recipe::ContextEntry;
using Paths = std::vector<std::string>;

class BuildContext : public testing::Test {
 protected:
  void write(const std::string& path, std::string_view content, mode_t mode = 0644) {
    ASSERT_TRUE(base::make_dirs((root() / path).parent_path()));
    ASSERT_TRUE(base::write_file_atomic(root() / path, content, mode));
    ASSERT_EQ(::chmod((root() / path).c_str(), mode), 0);
  }
  base::Path root() const { return dir_.path() / "context"; }

  // Of the paths that go along.
  Paths listed(std::string_view rules = "") {
    const auto ignore = recipe::IgnoreFile::parse(rules);
    EXPECT_TRUE(ignore);
    const auto listing = list_context(root(), *ignore);
    EXPECT_TRUE(listing) << listing.error().message;
    Paths paths;
    for (const ContextEntry& entry : listing->entries) paths.push_back(entry.path);
    return paths;
  }
  base::Result<ContextArchive> packed() {
    WRENN_TRY_ASSIGN(const auto listing, list_context(root(), recipe::IgnoreFile()));
    return pack_context(root(), listing, [](std::uint64_t) {});
  }

  base::TempDir dir_ = base::TempDir::create().value();
};

std::string content_of(int fd) {
  std::string out;
  std::string block(4096, '\0');
  for (ssize_t n = 0; (n = ::read(fd, block.data(), block.size())) > 0;) {
    out.append(block, 0, static_cast<std::size_t>(n));
  }
  return out;
}

TEST_F(BuildContext, IsOrderedByPath) {
  write("b/c.txt", "1");
  write("b.txt", "2");
  write("a/z", "3");
  write(".hidden", "4");
  EXPECT_EQ(listed(), (Paths{".hidden", "a", "a/z", "b", "b.txt", "b/c.txt"}));
}

TEST_F(BuildContext, LeavesOutWhatIsIgnored) {
  write("src/main.c", "");
  write("node_modules/x/index.js", "");
  write("build/keep/this.txt", "");
  write("build/out.o", "");
  write("note.md", "");
  write("README.md", "");
  EXPECT_EQ(
      listed("node_modules\n*.md\n!README.md\nbuild\n!build/keep\n"),
      (Paths{"README.md", "build", "build/keep", "build/keep/this.txt", "src", "src/main.c"}));
  EXPECT_EQ(listed("*\n"), Paths{});
  // A rule that might take something back, and does not, brings no directory.
  EXPECT_EQ(listed("*\n!build/none\n"), Paths{});
}

TEST_F(BuildContext, FollowsNoLinksAndSkipsSockets) {
  write("file", "x", 0750);
  ASSERT_TRUE(base::make_dirs(dir_.path() / "outside"));
  ASSERT_TRUE(base::write_file_atomic(dir_.path() / "outside/secret", "s"));
  ASSERT_EQ(::symlink("../outside", (root() / "link").c_str()), 0);
  ASSERT_EQ(::mkfifo((root() / "pipe").c_str(), 0600), 0);
  const auto listing = list_context(root(), recipe::IgnoreFile());
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->entries.size(), 2u);
  EXPECT_EQ(listing->entries[0],
            (ContextEntry{.path = "file", .mode = 0750, .size = 1, .target = ""}));
  EXPECT_EQ(listing->entries[1].type, ContextEntry::Type::kSymlink);
  EXPECT_EQ(listing->entries[1].target, "../outside");
  EXPECT_EQ(listing->skipped, (Paths{"pipe"}));
  EXPECT_EQ(listing->files, 1u);
}

TEST_F(BuildContext, NamesMustBeUtf8) {
  write("bad\xff", "x");
  const auto ignore = recipe::IgnoreFile();
  EXPECT_EQ(list_context(root(), ignore).error().code, base::Code::kInvalidArgument);
}

TEST_F(BuildContext, TheSameFilesMakeTheSameArchive) {
  write("a/one", "first", 0600);
  write("two", std::string(300'000, 'x'));
  const auto first = packed();
  ASSERT_TRUE(first) << first.error().message;
  // Times, and the order in which files were made, are no matter.
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (root() / "two").c_str(), old, 0), 0);
  const auto second = packed();
  ASSERT_TRUE(second);
  EXPECT_EQ(first->digest, second->digest);
  const std::string bytes = content_of(second->file.get());
  EXPECT_EQ(bytes.size(), second->size);
  EXPECT_EQ(base::sha256_hex(bytes), second->digest);
  ASSERT_EQ(::chmod((root() / "two").c_str(), 0755), 0);
  EXPECT_NE(packed()->digest, first->digest);
}

TEST_F(BuildContext, IsAnArchiveThatBuildsTake) {
  write("dir/deep/file", "content");
  write(std::string(200, 'n'), "long");
  ASSERT_EQ(::symlink("dir/deep", (root() / "link").c_str()), 0);
  const auto archive = packed();
  ASSERT_TRUE(archive);
  const std::string bytes = content_of(archive->file.get());
  recipe::TarReader reader;
  reader.feed(bytes);
  std::vector<std::string> seen;
  std::string data;
  while (true) {
    const auto event = reader.next();
    ASSERT_TRUE(event) << event.error().message;
    if (event->kind == recipe::TarEvent::Kind::kEnd) break;
    if (event->kind == recipe::TarEvent::Kind::kData) data += event->data;
    if (event->kind != recipe::TarEvent::Kind::kEntry) continue;
    seen.push_back(event->entry.path);
    EXPECT_EQ(event->entry.mtime, 0);
  }
  EXPECT_EQ(seen, (Paths{"dir", "dir/deep", "dir/deep/file", "link", std::string(200, 'n')}));
  EXPECT_EQ(data, "contentlong");
}

TEST_F(BuildContext, NoticesFilesThatChange) {
  write("file", "12345");
  const auto listing = list_context(root(), recipe::IgnoreFile());
  ASSERT_TRUE(listing);
  const auto pack = [&] { return pack_context(root(), *listing, [](std::uint64_t) {}); };
  for (const char* content : {"123456", "1234"}) {
    write("file", content);
    EXPECT_EQ(pack().error().code, base::Code::kAborted) << content;
  }
  ASSERT_EQ(::unlink((root() / "file").c_str()), 0);
  EXPECT_EQ(pack().error().code, base::Code::kNotFound);
}

TEST_F(BuildContext, TheIgnoreFileBesideTheDefinitionTakesPrecedence) {
  write("Dockerfile", "FROM minimal");
  write("docker/Dockerfile", "FROM minimal");
  const auto ignores = [&](const char* definition, const char* path) {
    const auto file = read_ignore_file(root(), root() / definition);
    EXPECT_TRUE(file);
    return file->ignores(path);
  };
  EXPECT_FALSE(ignores("Dockerfile", "a"));
  write(".dockerignore", "a\n");
  EXPECT_TRUE(ignores("Dockerfile", "a"));
  EXPECT_TRUE(ignores("docker/Dockerfile", "a"));
  write("docker/Dockerfile.dockerignore", "b\n");
  EXPECT_TRUE(ignores("docker/Dockerfile", "b"));
  EXPECT_FALSE(ignores("docker/Dockerfile", "a"));
  write(".dockerignore", "ok\n[\n");
  const auto broken = read_ignore_file(root(), root() / "Dockerfile");
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.contains(".dockerignore: line 2")) << broken.error().message;
}

}  // namespace
}  // namespace wrenn::cli
