#include "storage/layout.h"

#include <sys/stat.h>

#include <string>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "storage/staged_dir.h"

namespace wrenn::storage {
namespace {

using base::Code;

class LayoutTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(layout_.create()); }

  static Name name(std::string_view text) { return Name::parse("name", text).value(); }
  static void touch(const Path& path) {
    ASSERT_TRUE(base::make_dirs(path.parent_path()));
    ASSERT_TRUE(base::write_file_atomic(path, "x"));
  }
  void add_kernel(const std::string& suffix) {
    touch(layout_.kernels_dir() / ("vmlinux" + suffix));
    touch(layout_.kernels_dir() / ("initramfs" + suffix));
  }
  static mode_t mode(const Path& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 0777;
  }

  base::TempDir temp_ = base::TempDir::create().value();
  Layout layout_{temp_.path() / "wrenn/"};
};

TEST(NameTest, AcceptsTheSafeNameRule) {
  for (const char* text : {"a", "minimal", "A.b_c-9", "0", "cl-0123456789abcdefghijklmno"}) {
    EXPECT_TRUE(Name::parse("name", text)) << text;
  }
  EXPECT_TRUE(Name::parse("name", std::string(64, 'a')));
}

TEST(NameTest, RefusesWhatCouldEscapeAPath) {
  const std::string with_nul("a\0b", 3);
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string(".hidden"),
        std::string("a/b"), std::string("../a"), std::string("/etc"), std::string("-rf"),
        std::string("a b"), std::string("ä"), std::string("a\n"), with_nul, std::string(65, 'a'),
        std::string("x.tmp-0123456789ab")}) {
    const auto name = Name::parse("template name", text);
    ASSERT_FALSE(name) << text;
    EXPECT_EQ(name.error().code, Code::kInvalidArgument);
    EXPECT_EQ(name.error().message, "invalid template name");
    EXPECT_FALSE(name.error().remedy.empty());
  }
}

TEST_F(LayoutTest, RootIsAbsoluteWithoutTrailingSlash) {
  EXPECT_EQ(layout_.root(), temp_.path() / "wrenn");
  EXPECT_TRUE(Layout(".wrenn").root().is_absolute());
}

TEST_F(LayoutTest, PrivateDirectoriesCannotBeListedByOthers) {
  EXPECT_EQ(mode(layout_.sandboxes_dir()), 0711u);
  EXPECT_EQ(mode(layout_.run_dir()), 0711u);
  EXPECT_EQ(mode(layout_.control_dir()), 0700u);
  EXPECT_TRUE(layout_.create()) << "creating twice is fine";
}

TEST_F(LayoutTest, PathsLieUnderTheRoot) {
  EXPECT_EQ(layout_.image_rootfs(name("minimal")), layout_.root() / "images/minimal/rootfs.ext4");
  EXPECT_EQ(layout_.snapshot_manifest(name("minimal"), name("1cpu-512mb")),
            layout_.root() / "snapshots/minimal/1cpu-512mb/manifest.json");
  EXPECT_EQ(layout_.checkpoints_dir(name("cl-1")), layout_.root() / "sandboxes/cl-1/checkpoints");
  EXPECT_EQ(layout_.sandbox_manifest(name("cl-1")),
            layout_.root() / "sandboxes/cl-1/manifest.json");
}

TEST_F(LayoutTest, PicksTheNewestKernelByNumber) {
  for (const char* version : {"-6.1.9", "-6.1.170", "-6.1.20", "-5.19.300", "-6.1", "-rc"}) {
    add_kernel(version);
  }
  add_kernel("");
  const auto kernel = layout_.newest_kernel();
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->version, "6.1.170");
  EXPECT_EQ(kernel->image, layout_.kernels_dir() / "vmlinux-6.1.170");
  EXPECT_EQ(kernel->initramfs, layout_.kernels_dir() / "initramfs-6.1.170");
}

TEST_F(LayoutTest, AReleaseComesAfterItsPreReleasesAndBeforeOnesOwnBuildsOfIt) {
  for (const char* version : {"-6.9.12", "-6.10.0-rc3", "-6.10.0-rc10"}) add_kernel(version);
  EXPECT_EQ(layout_.newest_kernel().value().version, "6.10.0-rc10");
  add_kernel("-6.10.0");
  EXPECT_EQ(layout_.newest_kernel().value().version, "6.10.0");
  add_kernel("-6.10.0+site.9");
  add_kernel("-6.10.0+site.10");
  EXPECT_EQ(layout_.newest_kernel().value().version, "6.10.0+site.10");
  EXPECT_EQ(layout_.kernel("6.10.0-rc3").value().image,
            layout_.kernels_dir() / "vmlinux-6.10.0-rc3");
}

TEST_F(LayoutTest, AKernelWithoutInitramfsIsPassedOver) {
  add_kernel("-6.1.1");
  touch(layout_.kernels_dir() / "vmlinux-6.1.2");
  EXPECT_EQ(layout_.newest_kernel().value().version, "6.1.1");
}

TEST_F(LayoutTest, PlainKernelIsAcceptedWhenNoVersionedOneExists) {
  add_kernel("");
  const auto kernel = layout_.newest_kernel();
  ASSERT_TRUE(kernel) << kernel.error().to_string();
  EXPECT_EQ(kernel->version, "");
  EXPECT_EQ(kernel->image, layout_.kernels_dir() / "vmlinux");
}

TEST_F(LayoutTest, NoKernelSaysWhatToDo) {
  auto none = layout_.newest_kernel();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kFailedPrecondition);
  EXPECT_NE(none.error().remedy.find("make images"), std::string::npos);

  touch(layout_.kernels_dir() / "vmlinux-6.1.2");
  none = layout_.newest_kernel();
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("vmlinux-6.1.2"), std::string::npos);
  EXPECT_NE(none.error().message.find("initramfs"), std::string::npos);
}

TEST_F(LayoutTest, AnExactKernelIsFoundOrMissing) {
  add_kernel("-6.1.1");
  EXPECT_TRUE(layout_.kernel("6.1.1"));
  EXPECT_EQ(layout_.kernel("6.1.2").error().code, Code::kNotFound);
  EXPECT_EQ(layout_.kernel("../../etc/passwd").error().code, Code::kInvalidArgument);
}

TEST_F(LayoutTest, ListsTemplatesAndSandboxes) {
  touch(layout_.image_rootfs(name("python")));
  touch(layout_.image_rootfs(name("minimal")));
  touch(layout_.images_dir() / "empty/other");
  touch(layout_.images_dir() / "new.tmp-0123456789ab/rootfs.ext4");
  touch(layout_.images_dir() / ".hidden/rootfs.ext4");
  const auto templates = layout_.list_templates().value();
  ASSERT_EQ(templates.size(), 2u);
  EXPECT_EQ(templates[0].text(), "minimal");
  EXPECT_EQ(templates[1].text(), "python");

  ASSERT_TRUE(base::make_dirs(layout_.sandboxes_dir() / "cl-b"));
  ASSERT_TRUE(base::make_dirs(layout_.sandboxes_dir() / "cl-a"));
  touch(layout_.sandboxes_dir() / "file");
  const auto sandboxes = layout_.list_sandboxes().value();
  ASSERT_EQ(sandboxes.size(), 2u);
  EXPECT_EQ(sandboxes[0].text(), "cl-a");
  EXPECT_TRUE(Layout(temp_.path() / "none").list_sandboxes().value().empty());
}

TEST_F(LayoutTest, SweepRemovesTemporariesAndNothingElse) {
  const Path dir = layout_.sandboxes_dir() / "cl-a";
  touch(dir / "manifest.json");
  touch(dir / "manifest.json.tmp-0123456789ab");
  touch(dir / "disk.qcow2.tmp-ffffffffffff");
  touch(layout_.snapshots_dir() / "minimal/1cpu.tmp-0123456789ab/memory.bin");
  touch(dir / "kept.tmp-0123456789AB");
  touch(dir / "kept.tmp-0123");
  touch(temp_.path() / "outside/x.tmp-0123456789ab");
  std::filesystem::create_directory_symlink(temp_.path() / "outside", dir / "link");

  EXPECT_EQ(sweep_temporaries(layout_.root()).value(), 3u);
  EXPECT_EQ(sweep_temporaries(layout_.root()).value(), 0u);
  EXPECT_TRUE(std::filesystem::exists(dir / "manifest.json"));
  EXPECT_TRUE(std::filesystem::exists(dir / "kept.tmp-0123456789AB"));
  EXPECT_TRUE(std::filesystem::exists(dir / "kept.tmp-0123"));
  EXPECT_TRUE(std::filesystem::exists(temp_.path() / "outside/x.tmp-0123456789ab"));
  EXPECT_EQ(sweep_temporaries(temp_.path() / "none").value(), 0u);
}

TEST_F(LayoutTest, StagedDirectoryAppearsWholeOrNotAtAll) {
  const Path target = layout_.snapshot_dir(name("minimal"), name("1cpu"));
  {
    auto dropped = StagedDir::create(target).value();
    touch(dropped.path() / "memory.bin");
  }
  EXPECT_TRUE(std::filesystem::is_empty(target.parent_path()));

  auto staged = StagedDir::create(target).value();
  auto rival = StagedDir::create(target).value();
  touch(staged.path() / "sub/memory.bin");
  EXPECT_TRUE(layout_.list_snapshots(name("minimal")).value().empty());
  ASSERT_TRUE(staged.commit());
  EXPECT_TRUE(std::filesystem::exists(target / "sub/memory.bin"));
  EXPECT_EQ(rival.commit().error().code, Code::kAlreadyExists);
  EXPECT_EQ(StagedDir::create(target).error().code, Code::kAlreadyExists);
}

}  // namespace
}  // namespace wrenn::storage
