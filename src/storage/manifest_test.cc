#include "storage/manifest.h"

#include <sys/stat.h>

#include <string>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::storage {
namespace {

using base::Code;

SandboxManifest sample(const std::string& id) {
  SandboxManifest m;
  m.id = id;
  m.team_id = "team-0000000000000000000000000";
  m.template_name = "minimal";
  m.state = StoredState::kRunning;
  m.vcpus = 2;
  m.memory_mb = 1024;
  m.disk_mb = 5120;
  m.timeout_sec = 300;
  m.slot = 7;
  m.uid = 200007;
  m.process = {.pid = 4711, .start_ticks = 123456789};
  m.created_unix_ms = 1700000000123;
  m.kernel_version = "6.1.170";
  m.hypervisor = "qemu";
  m.envd_token = base::Secret("0123456789abcdef");
  m.metadata = {{"purpose", "a \"quoted\" \u00fc \n text"}};
  m.checkpoint = 3;
  m.boot_id = "c0ffee";
  m.end_at_unix_ms = 1700000900000;
  m.is_killed_on_timeout = true;
  m.reason = "idle";
  m.network = {true, {"198.51.100.7"}, {"203.0.113.0/24", "0.0.0.0/0"}};
  return m;
}

TemplateManifest sample_template() {
  TemplateManifest m;
  m.name = "minimal";
  m.kernel_version = "6.1.170";
  m.kernel = {"/k/vmlinux-6.1.170", std::string(64, 'a'), 1234};
  m.initramfs = {"/k/initramfs-6.1.170", "", 99};
  m.accelerator = "tcg";
  m.hypervisor = "qemu";
  m.hypervisor_version = "7.2.11";
  m.created_unix_ms = 1700000000123;
  m.envd_version = "0.1.0";
  m.input_hash = std::string(64, 'b');
  return m;
}

// The JSON of a valid manifest with one piece of text replaced.
std::string with(const std::string& from, const std::string& to) {
  std::string text = to_json(sample("cl-a"));
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

void expect_broken(const std::string& text, const std::string& mention) {
  const auto parsed = parse_sandbox_manifest(text);
  ASSERT_FALSE(parsed) << text;
  EXPECT_NE(parsed.error().message.find(mention), std::string::npos) << parsed.error().message;
}

TEST(ManifestTest, SandboxRoundTrip) {
  const auto m = sample("cl-a");
  const auto read = parse_sandbox_manifest(to_json(m));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(to_json(*read), to_json(m));
  EXPECT_EQ(read->process, m.process);
  EXPECT_EQ(read->metadata, m.metadata);
  EXPECT_EQ(read->uid, 200007u);
  EXPECT_EQ(read->envd_token.reveal(), "0123456789abcdef");
  EXPECT_EQ(read->network, m.network);
}

TEST(ManifestTest, TemplateRoundTrip) {
  const auto read = parse_template_manifest(to_json(sample_template()));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(to_json(*read), to_json(sample_template()));
  EXPECT_EQ(read->kernel.size, 1234u);
}

TEST(ManifestTest, UnknownFieldsAreIgnored) {
  EXPECT_TRUE(parse_sandbox_manifest(with("{\"format\"", "{\"future\":[1,{}],\"format\"")));
}

TEST(ManifestTest, OneThatIsOlderThanPoliciesRestrictsNothing) {
  const std::string text = to_json(sample("cl-a"));
  const auto at = text.find(",\"network\"");
  ASSERT_NE(at, std::string::npos);
  const auto read = parse_sandbox_manifest(text.substr(0, at) + "}");
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->network, NetworkPolicy());
}

// Never a policy that lets pass what the one on disk refuses.
TEST(ManifestTest, ABrokenPolicyIsAnError) {
  expect_broken(with("\"deny_internet\":true", "\"deny_internet\":1"), "\"deny_internet\"");
  expect_broken(with("\"deny_internet\":true,", ""), "\"deny_internet\" is missing");
  expect_broken(with("\"deny_out\":[\"203", "\"deny_out\":[7,\"203"),
                "\"deny_out\" has an invalid");
  expect_broken(with("[\"198.51.100.7\"]", "\"198.51.100.7\""), "\"allow_out\" is not a list");
  expect_broken(with("[\"198.51.100.7\"]", "[\"255.255.255.255/320\"]"), "\"allow_out\"");
  std::string many = "\"1.2.3.4\"";
  for (std::size_t i = 0; i < kMaxNetworkEntries; ++i) many += ",\"1.2.3.4\"";
  expect_broken(with("[\"198.51.100.7\"]", "[" + many + "]"), "\"allow_out\" is too large");
}

TEST(ManifestTest, TheErrorNamesTheField) {
  expect_broken(with("\"vcpus\":2,", ""), "\"vcpus\" is missing");
  expect_broken(with("\"vcpus\":2", "\"vcpus\":\"2\""), "\"vcpus\" is not a whole number");
  expect_broken(with("\"vcpus\":2", "\"vcpus\":0"), "\"vcpus\" is out of range");
  expect_broken(with("\"vcpus\":2", "\"vcpus\":2.5"), "\"vcpus\" is not a whole number");
  expect_broken(with("\"memory_mb\":1024", "\"memory_mb\":99999999999"), "\"memory_mb\"");
  expect_broken(with("\"disk_mb\":5120", "\"disk_mb\":-1"), "\"disk_mb\"");
  expect_broken(with("\"slot\":7", "\"slot\":-2"), "\"slot\"");
  expect_broken(with("\"pid\":4711", "\"pid\":-1"), "\"pid\"");
  expect_broken(with("\"state\":\"running\"", "\"state\":\"flying\""), "\"state\" is unknown");
  expect_broken(with("\"id\":\"cl-a\"", "\"id\":\"\""), "\"id\" is empty");
  expect_broken(with("\"id\":\"cl-a\"", "\"id\":\"" + std::string(300, 'x') + "\""), "\"id\"");
  expect_broken(with("\"reason\":\"idle\"", "\"reason\":null"), "\"reason\" is not a text");
  expect_broken(with("{\"purpose\":", "{\"" + std::string(129, 'k') + "\":"), "\"metadata\"");
}

TEST(ManifestTest, TemplateErrorNamesTheInnerField) {
  auto text = to_json(sample_template());
  text.replace(text.find("\"size\":1234"), 11, "\"size\":\"a\"");
  const auto parsed = parse_template_manifest(text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message,
            "field \"kernel\" is invalid: field \"size\" is not a whole number");
}

TEST(ManifestTest, HostileTextIsRefused) {
  expect_broken("", "JSON");
  expect_broken("{", "JSON");
  expect_broken("[]", "object");
  expect_broken("{}", "\"format\" is missing");
  expect_broken(std::string(100000, '['), "JSON");
  expect_broken(std::string(kMaxManifestBytes + 1, ' '), "too large");
  expect_broken(with("minimal", "\xff\xfe"), "JSON");
  std::string many;
  for (int i = 0; i < 65; ++i) many += base::concat("\"k", i, "\":\"v\",");
  expect_broken(with("{\"purpose\":", "{" + many + "\"purpose\":"), "\"metadata\" is too large");
}

TEST(ManifestTest, ANewerFormatSaysUpgrade) {
  const auto parsed = parse_sandbox_manifest(with("\"format\":2", "\"format\":3"));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Code::kFailedPrecondition);
  EXPECT_NE(parsed.error().remedy.find("upgrade"), std::string::npos);
}

TEST(ManifestTest, FilesArePrivateAndCheckedBeforeWriting) {
  const auto temp = base::TempDir::create().value();
  const Path path = temp.path() / "manifest.json";
  ASSERT_TRUE(write_manifest(path, sample("cl-a")));
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  auto bad = sample("cl-a");
  bad.metadata["k"] = "\xff";
  EXPECT_EQ(write_manifest(path, bad).error().code, Code::kInvalidArgument);
  bad = sample("cl-a");
  bad.vcpus = 0;
  EXPECT_EQ(write_manifest(path, bad).error().code, Code::kInvalidArgument);
  EXPECT_EQ(read_sandbox_manifest(path).value().vcpus, 2) << "the old content stays";
}

class ScanTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(layout_.create()); }
  Path add_sandbox(const std::string& id) {
    const Path dir = layout_.sandboxes_dir() / id;
    EXPECT_TRUE(base::make_dirs(dir));
    EXPECT_TRUE(write_manifest(dir / kManifestFile, sample(id)));
    return dir;
  }
  base::TempDir temp_ = base::TempDir::create().value();
  Layout layout_{temp_.path()};
};

TEST_F(ScanTest, ABrokenManifestDoesNotHideTheOthers) {
  add_sandbox("cl-a");
  add_sandbox("cl-z");
  ASSERT_TRUE(base::write_file_atomic(add_sandbox("cl-b") / kManifestFile, "{\"format\":1"));
  ASSERT_TRUE(base::make_dirs(layout_.sandboxes_dir() / "cl-c"));  // No manifest.
  ASSERT_TRUE(write_manifest(add_sandbox("cl-d") / kManifestFile, sample("cl-other")));
  const Path fifo_dir = layout_.sandboxes_dir() / "cl-e";
  ASSERT_TRUE(base::make_dirs(fifo_dir));
  ASSERT_EQ(::mkfifo((fifo_dir / kManifestFile).c_str(), 0600), 0);
  const Path link_dir = layout_.sandboxes_dir() / "cl-f";
  ASSERT_TRUE(base::make_dirs(link_dir));
  std::filesystem::create_symlink("../cl-a/manifest.json", link_dir / kManifestFile);
  const Path huge_dir = layout_.sandboxes_dir() / "cl-g";
  ASSERT_TRUE(base::make_dirs(huge_dir));
  ASSERT_TRUE(
      base::write_file_atomic(huge_dir / kManifestFile, std::string(kMaxManifestBytes + 1, ' ')));
  ASSERT_TRUE(base::make_dirs(layout_.sandboxes_dir() / "cl-h.tmp-0123456789ab"));

  const auto scan = scan_sandboxes(layout_).value();
  ASSERT_EQ(scan.good.size(), 2u);
  EXPECT_EQ(scan.good[0].id, "cl-a");
  EXPECT_EQ(scan.good[1].id, "cl-z");
  ASSERT_EQ(scan.broken.size(), 6u);
  EXPECT_EQ(scan.broken[0].directory, layout_.sandboxes_dir() / "cl-b");
  EXPECT_EQ(scan.broken[0].error.code, Code::kDataLoss);
  EXPECT_EQ(scan.broken[1].error.code, Code::kNotFound);
  EXPECT_NE(scan.broken[2].error.message.find("something else"), std::string::npos);
}

TEST_F(ScanTest, ACrashBetweenWriteAndRenameLeavesTheOldManifest) {
  const Path dir = add_sandbox("cl-a");
  ASSERT_TRUE(base::write_file_atomic(dir / "manifest.json.tmp-0123456789ab", "{\"form"));
  EXPECT_EQ(scan_sandboxes(layout_).value().good.size(), 1u);
  EXPECT_EQ(sweep_temporaries(layout_.root()).value(), 1u);
  EXPECT_EQ(scan_sandboxes(layout_).value().good.size(), 1u);
}

TEST_F(ScanTest, FindsSnapshotsByTemplateAndShape) {
  const auto name = Name::parse("name", "minimal").value();
  const auto shape = Name::parse("shape", "1cpu-512mb").value();
  ASSERT_TRUE(base::make_dirs(layout_.snapshot_dir(name, shape)));
  ASSERT_TRUE(write_manifest(layout_.snapshot_manifest(name, shape), sample_template()));
  ASSERT_TRUE(base::make_dirs(layout_.snapshots_dir() / "minimal/half-made"));
  const auto scan = scan_snapshots(layout_).value();
  ASSERT_EQ(scan.good.size(), 1u);
  EXPECT_EQ(scan.good[0].name, "minimal");
  ASSERT_EQ(scan.broken.size(), 1u);
  EXPECT_EQ(scan.broken[0].error.code, Code::kNotFound);
}

}  // namespace
}  // namespace wrenn::storage
