#include "storage/objects/archive.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;

class ArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"store", "scratch", "sandbox"}) {
      ASSERT_TRUE(base::make_dirs(path(name), 0700));
    }
    auto store = open_object_store({.endpoint = concat("file://", path("store").native())});
    ASSERT_TRUE(store);
    store_ = *std::move(store);
    write("sandbox/memory-0", base::random_bytes(1 << 20));
    write("sandbox/memory.map", std::string(5000, 'm'));
  }
  base::Path path(const std::string& name) const { return dir_->path() / name; }
  void write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(base::write_file_atomic(path(name), content));
  }
  Archives archives(const base::Secret& key) { return {*store_, key, path("scratch")}; }
  base::Result<std::string> read(const base::Secret& key, const std::string& id,
                                 const base::Path& directory, const LocalFiles& local = {}) {
    WRENN_TRY_ASSIGN(const auto archive, archives(key).find(id));
    WRENN_TRY(archives(key).fetch(id, archive, directory, local));
    return archive.text;
  }
  FileIds id_of(const std::string& name) const {
    struct stat info{};
    EXPECT_EQ(::stat(path(concat("sandbox/", name)).c_str(), &info), 0);
    return {{info.st_dev, info.st_ino}};
  }
  base::Path fresh() {
    const base::Path made = path(concat("made-", ++made_));
    EXPECT_TRUE(base::make_dirs(made, 0700));
    return made;
  }

  base::Result<base::TempDir> dir_ = base::TempDir::create("/var/tmp");
  std::unique_ptr<ObjectStore> store_;
  BlobNames names_;
  const base::Secret key_{base::random_bytes(32)};
  int made_ = 0;
};

TEST_F(ArchiveTest, ADirectoryComesBack) {
  ASSERT_TRUE(archives(key_).write("cl-1", path("sandbox"), "what it is", names_));
  const base::Path made = fresh();
  const auto text = read(key_, "cl-1", made);
  ASSERT_TRUE(text) << text.error().to_string();
  EXPECT_EQ(*text, "what it is");
  for (const char* name : {"memory-0", "memory.map"}) {
    EXPECT_TRUE(base::read_file(made / name).value() ==
                base::read_file(path("sandbox") / name).value());
  }
  ASSERT_TRUE(archives(key_).remove("cl-1"));
  ASSERT_TRUE(archives(key_).remove("cl-1"));
  EXPECT_EQ(read(key_, "cl-1", fresh()).error().code, Code::kNotFound);
}

TEST_F(ArchiveTest, WhatIsSharedIsSentOnce) {
  const auto first = archives(key_).write("cl-1", path("sandbox"), "", names_, id_of("memory-0"));
  ASSERT_TRUE(first);
  EXPECT_GT(first->sent_bytes, 1u << 20);
  write("sandbox/memory-1", "a little");
  // Also by somebody who does not know that it is.
  const auto second = archives(key_).write("cl-2", path("sandbox"), "", names_);
  ASSERT_TRUE(second);
  EXPECT_LT(second->sent_bytes, 1000u);
  EXPECT_GT(second->stored_bytes, 1u << 20);
  // It stays, and all else goes with its archive.
  ASSERT_TRUE(archives(key_).remove("cl-1"));
  EXPECT_TRUE(read(key_, "cl-2", fresh()));
  ASSERT_TRUE(archives(key_).remove("cl-2"));
  EXPECT_EQ(store_->list("").value().size(), 1u);
}

TEST_F(ArchiveTest, WhatACrashLeftGoes) {
  ASSERT_TRUE(archives(key_).write("cl-1", path("sandbox"), "", names_));
  ASSERT_TRUE(store_->remove("sandboxes/cl-1/archive"));
  // As a writer that is killed leaves it.
  write("store/sandboxes/cl-1/.tmp-0123456789abcdef", "half of it");
  EXPECT_FALSE(read(key_, "cl-1", fresh()));
  ASSERT_TRUE(archives(key_).remove("cl-1"));
  EXPECT_TRUE(store_->list("").value().empty());
  EXPECT_TRUE(std::filesystem::is_empty(path("store")));
}

TEST_F(ArchiveTest, WhatIsHereIsNotFetched) {
  ASSERT_TRUE(archives(key_).write("cl-1", path("sandbox"), "", names_));
  const base::Path here = path("sandbox/memory-0");
  const auto file = base::open_file(here, O_RDONLY);
  const std::string name = names_.name_of(file->get(), key_).value();
  ASSERT_TRUE(store_->remove(concat("sandboxes/cl-1/", name)));
  EXPECT_FALSE(read(key_, "cl-1", fresh()));
  const base::Path made = fresh();
  ASSERT_TRUE(read(key_, "cl-1", made, {{name, here}}));
  EXPECT_TRUE(std::filesystem::equivalent(here, made / "memory-0"));
  // With another key it has another name.
  EXPECT_NE(names_.name_of(file->get(), {}).value(), name);
}

TEST_F(ArchiveTest, AStopEndsIt) {
  std::stop_source stop;
  stop.request_stop();
  Archives stopped(*store_, key_, path("scratch"), stop.get_token());
  const auto written = stopped.write("cl-1", path("sandbox"), "", names_);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kCanceled);
  EXPECT_EQ(archives(key_).find("cl-1").error().code, Code::kNotFound);
}

TEST_F(ArchiveTest, DamageIsNoticed) {
  ASSERT_TRUE(archives({}).write("cl-1", path("sandbox"), "", names_));
  EXPECT_EQ(read(key_, "cl-1", fresh()).error().code, Code::kPermissionDenied);
  const auto blobs = store_->list("sandboxes/cl-1/").value();
  ASSERT_EQ(blobs.size(), 3u);  // And the manifest.
  for (const std::string& blob : blobs) {
    const base::Path file = path("store") / blob;
    const std::string whole = base::read_file(file).value();
    ASSERT_TRUE(base::write_file_atomic(file, whole.substr(0, whole.size() - 20)));
    EXPECT_EQ(read({}, "cl-1", fresh()).error().code, Code::kDataLoss);
    ASSERT_TRUE(base::write_file_atomic(file, whole));
  }
  std::filesystem::remove(path("store") / blobs.front());
  EXPECT_FALSE(read({}, "cl-1", fresh()));
}

TEST(ArchiveManifest, IsTakenApart) {
  const ArchiveManifest manifest{.text = "t",
                                 .files = {{"memory-0", std::string(64, 'a'), 7, true}}};
  const auto parsed = parse_archive_manifest(to_json(manifest));
  ASSERT_TRUE(parsed) << parsed.error().to_string();
  EXPECT_EQ(parsed->text, "t");
  ASSERT_EQ(parsed->files.size(), 1u);
  EXPECT_EQ(parsed->files[0].size, 7u);
  EXPECT_TRUE(parsed->files[0].is_shared);
  for (const char* name : {"../x", "/x", "", ".x", "X", "a b"}) {
    const ArchiveManifest bad{.text = "", .files = {{name, std::string(64, 'a'), 7}}};
    EXPECT_FALSE(parse_archive_manifest(to_json(bad))) << name;
  }
  const ArchiveManifest bad{.text = "", .files = {{"x", "../../x", 7}}};
  EXPECT_FALSE(parse_archive_manifest(to_json(bad)));
  EXPECT_FALSE(parse_archive_manifest(R"({"format":2,"text":"","files":[]})"));
  EXPECT_FALSE(parse_archive_manifest(R"({"format":1,"text":""})"));
}

}  // namespace
}  // namespace wrenn::storage
