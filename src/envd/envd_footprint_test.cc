// What the agent costs every sandbox: the limits that it is held to. Not built with sanitizers or
// for debugging, where other figures hold.
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "envd/envd_fixture.h"
#include "envd/ports/own_network_fixture.h"

namespace wrenn::envd {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kMaxProgram = 6 * kMiB;
constexpr std::uint64_t kMaxResident = 6 * kMiB;
// Of that what is not the program's own file, whose pages the kernel drops when memory is short.
constexpr std::uint64_t kMaxAnonymous = 2 * kMiB;
constexpr std::uint64_t kMaxWakeupsPerSecond = 2;

// "VmRSS:	    3696 kB" -> 3696.
std::uint64_t read_field(const base::Path& file, std::string_view name) {
  const std::string text = base::read_file(file).value_or("");
  const std::size_t at = text.find(base::concat("\n", name, ":"));
  if (at == std::string::npos) return 0;
  const auto rest = base::trim(std::string_view(text).substr(at + name.size() + 2));
  return base::parse_int<std::uint64_t>(rest.substr(0, rest.find_first_not_of("0123456789")))
      .value_or(0);
}

class FootprintTest : private OwnNetwork, public EnvdTest {
 public:
  Task<Result<void>> use_everything() {
    const std::string bytes = base::random_bytes(4u << 20);
    const std::string path = (dir.path() / "file").native();
    for (int i = 0; i < 10; ++i) {
      // Little, because the output of a command is kept for 30 s after its end.
      WRENN_CO_TRY_ASSIGN(const auto outcome, co_await exec(shell("head -c 5000 /dev/zero")));
      EXPECT_EQ(outcome.out.size(), 5000U);
      WRENN_CO_TRY_ASSIGN(
          const auto written,
          co_await send("POST", base::concat("/files?path=", path), form(bytes),
                        net::Headers().with("Content-Type", "multipart/form-data; boundary=b")));
      EXPECT_EQ(written.status, 200) << written.body;
      WRENN_CO_TRY_ASSIGN(const auto read,
                          co_await send("GET", base::concat("/files?path=", path)));
      EXPECT_EQ(read.body, bytes);
      filesystem::ListDirRequest list;
      list.set_path("/usr");
      list.set_depth(3);
      WRENN_CO_TRY(co_await client.unary<filesystem::ListDirResponse>(
          "/filesystem.Filesystem/ListDir", list));
      WRENN_CO_TRY(co_await send("POST", "/init", R"({"envVars":{"A":"1"}})"));
    }
    co_return {};
  }

 protected:
  void SetUp() override {
    if (!is_inside()) GTEST_SKIP() << "a network namespace needs root";
  }
  static std::string form(const std::string& bytes) {
    return base::concat(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\r\n", bytes,
        "\r\n--b--\r\n");
  }
  // VmRSS or a part of it, in bytes.
  std::uint64_t memory(std::string_view field) const {
    return read_field(base::concat("/proc/", envd.pid(), "/status"), field) * 1024;
  }
  // How often its threads have gone to sleep, which is how often they were woken.
  std::uint64_t wakeups() const {
    std::uint64_t sum = 0;
    for (const auto& thread :
         std::filesystem::directory_iterator(base::concat("/proc/", envd.pid(), "/task"))) {
      sum += read_field(thread.path() / "status", "voluntary_ctxt_switches");
    }
    return sum;
  }
};

TEST_F(FootprintTest, TheProgramIsSmall) {
  struct stat info{};
  ASSERT_EQ(::stat(ENVD_PROGRAM, &info), 0);
  RecordProperty("bytes", std::to_string(info.st_size));
  EXPECT_LE(static_cast<std::uint64_t>(info.st_size), kMaxProgram);
}

TEST_F(FootprintTest, ItsMemoryIsSmall) {
  const std::uint64_t after_start = memory("VmRSS");
  RecordProperty("after_start_kib", std::to_string(after_start / 1024));
  EXPECT_GT(after_start, 0U);
  EXPECT_LE(after_start, kMaxResident);
  run(&FootprintTest::use_everything);
  // What it needed for a while it gives back soon after.
  const auto deadline = base::steady_now() + std::chrono::seconds(10);
  while (memory("RssAnon") > kMaxAnonymous && base::steady_now() < deadline) {
    std::this_thread::sleep_for(milliseconds(50));
  }
  const std::uint64_t after_use = memory("RssAnon");
  RecordProperty("anonymous_after_use_kib", std::to_string(after_use / 1024));
  EXPECT_GT(after_use, 0U);
  EXPECT_LE(after_use, kMaxAnonymous);
}

TEST_F(FootprintTest, AnIdleAgentSleeps) {
  // It has started when it sleeps for the first time.
  while (wakeups() == 0) std::this_thread::sleep_for(milliseconds(5));
  const std::uint64_t before = wakeups();
  const auto started = base::steady_now();
  std::this_thread::sleep_for(std::chrono::seconds(3));
  const std::uint64_t woken = wakeups() - before;
  const auto elapsed_ms = static_cast<std::uint64_t>(base::to_ms(base::steady_now() - started));
  RecordProperty("wakeups_in_3_s", std::to_string(woken));
  EXPECT_LE(woken, kMaxWakeupsPerSecond * elapsed_ms / 1000 + 1);
}

}  // namespace
}  // namespace wrenn::envd
