// POST /init through the real envd, and what it changes in a guest.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "envd/envd_fixture.h"
#include "envd/guest/ca_bundle.h"
#include "envd/guest/guest_identity.h"
#include "envd/guest/init.h"

namespace wrenn::envd {
namespace {

class InitTest : public EnvdTest {
 public:
  static net::Headers with_token(std::string_view token) {
    return net::Headers().with("X-Access-Token", token);
  }
  static std::string at(std::int64_t unix_ms, std::string_view rest) {
    return base::concat(R"({"timestamp":")", base::rfc3339(unix_ms), "\",", rest, "}");
  }
  Task<Result<int>> init(std::string body, net::Headers headers = {}) {
    WRENN_CO_TRY_ASSIGN(const auto reply,
                        co_await send("POST", "/init", std::move(body), std::move(headers)));
    co_return reply.status;
  }
  Task<Result<int>> look(std::string token) {
    WRENN_CO_TRY_ASSIGN(const auto reply, co_await send("GET", "/envs", "", with_token(token)));
    co_return reply.status;
  }

  Task<Result<void>> token_rules() {
    WRENN_CO_TRY_ASSIGN(auto version, co_await http.send({.method = "POST", .target = "/init"}));
    EXPECT_EQ(version.status(), 204);
    EXPECT_EQ(version.headers().find("x-envd-version").value_or("none"), WRENN_VERSION);
    WRENN_CO_TRY(co_await net::read_all(version, 1000));
    const std::string one = R"({"accessToken":"one"})";
    EXPECT_EQ(co_await init(one), 204);
    EXPECT_EQ(co_await look("one"), 200);
    EXPECT_EQ(co_await look("two"), 401);
    // Whoever repeats the first call knows the token; nobody else does.
    EXPECT_EQ(co_await init(one), 204);
    EXPECT_EQ(co_await init("{}"), 401);
    EXPECT_EQ(co_await init("nonsense"), 401);
    EXPECT_EQ(co_await init(R"({"accessToken":"two"})"), 401);
    EXPECT_EQ(co_await init("{}", with_token("two")), 401);
    EXPECT_EQ(co_await init("{}", with_token("one")), 204);
    EXPECT_EQ(co_await look("one"), 200);
    EXPECT_EQ(co_await init(R"({"accessToken":"two"})", with_token("one")), 204);
    EXPECT_EQ(co_await look("one"), 401);
    EXPECT_EQ(co_await look("two"), 200);
    co_return {};
  }

  Task<Result<void>> order() {
    const std::int64_t now = base::unix_ms_now();
    EXPECT_EQ(co_await init(at(now, R"("envVars":{"A":"new"})")), 204);
    EXPECT_EQ(co_await init(at(now - 3'600'000, R"("envVars":{"A":"old","B":"old"})")), 204);
    WRENN_CO_TRY_ASSIGN(const auto kept, co_await send("GET", "/envs"));
    EXPECT_EQ(kept.body, R"({"A":"new"})");
    EXPECT_EQ(co_await init(at(now, R"("envVars":{"A":"again"})")), 204);
    // A first token is taken whatever the clock of the host was before.
    EXPECT_EQ(co_await init(at(now - 1, R"("accessToken":"t","envVars":{"B":"first"})")), 204);
    WRENN_CO_TRY_ASSIGN(const auto first, co_await send("GET", "/envs", "", with_token("t")));
    EXPECT_EQ(first.body, R"({"A":"again","B":"first"})");
    co_return {};
  }

  // As a fork: with a token of its own, on a host whose clock is behind.
  Task<Result<void>> restored() {
    const std::int64_t now = base::unix_ms_now();
    EXPECT_EQ(co_await init(at(now, R"("accessToken":"source","envVars":{"A":"source"})")), 204);
    const std::string fork = at(now - 60'000, R"("accessToken":"fork","restored":true,)"
                                              R"("envVars":{"A":"fork"})");
    EXPECT_EQ(co_await init(fork), 401);
    EXPECT_EQ(co_await init(fork, with_token("guessed")), 401);
    EXPECT_EQ(co_await init(fork, with_token("source")), 204);
    EXPECT_EQ(co_await look("source"), 401);
    EXPECT_EQ(co_await look("fork"), 200);
    // A repetition, since the answer was lost.
    EXPECT_EQ(co_await init(fork, with_token("source")), 204);
    // What comes next is measured by the new host's clock.
    EXPECT_EQ(co_await init(at(now - 50'000, R"("envVars":{"B":"later"})"), with_token("fork")),
              204);
    WRENN_CO_TRY_ASSIGN(const auto env, co_await send("GET", "/envs", "", with_token("fork")));
    EXPECT_EQ(env.body, R"({"A":"fork","B":"later"})");
    co_return {};
  }

  // Those who were connected are cut off at once; the commands and their output stay.
  Task<Result<void>> cut_off() {
    EXPECT_EQ(co_await init(R"({"accessToken":"one"})"), 204);
    connect::CallOptions call;
    call.headers = with_token("one");
    const std::string go = (dir.path() / "go").native();
    WRENN_CO_TRY_ASSIGN(
        auto stream,
        co_await open(shell(base::concat("echo first; while [ ! -e ", go,
                                         " ]; do sleep 0.01; done; echo missed; sleep 1000")),
                      call));
    Outcome before;
    while (before.out != "first\n") WRENN_CO_TRY(co_await take_event(stream, before));
    const auto started = base::steady_now();
    EXPECT_EQ(co_await init(R"({"accessToken":"two","restored":true})", with_token("one")), 204);
    EXPECT_FALSE(co_await take_rest(stream, before));
    EXPECT_LT(base::steady_now() - started, std::chrono::seconds(2));
    // A call that is no restore cuts nobody off, nor does one that is refused.
    process::ConnectRequest request;
    *request.mutable_process() = select(before.pid);
    request.set_output_offset(0);
    call.headers = with_token("two");
    WRENN_CO_TRY_ASSIGN(auto again, co_await connect(request, call));
    EXPECT_EQ(co_await init("{}", with_token("two")), 204);
    EXPECT_EQ(co_await init(R"({"restored":true})", with_token("one")), 401);
    WRENN_CO_TRY(base::write_file_atomic(go, ""));
    Outcome after;
    while (after.out != "first\nmissed\n") WRENN_CO_TRY(co_await take_event(again, after));
    EXPECT_EQ(after.pid, before.pid);
    co_return {};
  }

  Task<Result<void>> defaults() {
    const std::string body =
        base::concat(R"({"defaultUser":"daemon","defaultWorkdir":")", dir.path().native(),
                     R"(","envVars":{"GREETING":"hello"},"lifecycleID":"x",)",
                     R"("hyperloopIP":"10.0.0.1","volumeMounts":[{}]})");
    EXPECT_EQ(co_await init(body), 204);
    EXPECT_EQ(::chmod(dir.path().c_str(), 0777), 0);
    WRENN_CO_TRY_ASSIGN(const auto outcome,
                        co_await exec(shell("id -un; pwd; echo $GREETING; echo x > made")));
    EXPECT_EQ(outcome.out, base::concat("daemon\n", dir.path().native(), "\nhello\n"));
    WRENN_CO_TRY_ASSIGN(const auto stored, co_await send("POST", "/files?path=stored", "text"));
    EXPECT_EQ(stored.status, 200) << stored.body;
    struct stat made{};
    struct stat other{};
    EXPECT_EQ(::stat((dir.path() / "made").c_str(), &made), 0);
    EXPECT_EQ(::stat((dir.path() / "stored").c_str(), &other), 0);
    EXPECT_EQ(made.st_uid, other.st_uid);
    EXPECT_NE(made.st_uid, 0U);
    WRENN_CO_TRY_ASSIGN(const auto loaded, co_await send("GET", "/files?path=made"));
    EXPECT_EQ(loaded.body, "x\n");
    co_return {};
  }
};

TEST_F(InitTest, TokenRules) {
  run(&InitTest::token_rules);
}
TEST_F(InitTest, AnOvertakenRequestChangesNothing) {
  run(&InitTest::order);
}
TEST_F(InitTest, ARestoredGuestTakesANewTokenFromWhoKnowsTheOldOne) {
  run(&InitTest::restored);
}
TEST_F(InitTest, ARestoredGuestCutsOldConnectionsAndKeepsCommands) {
  run(&InitTest::cut_off);
}
TEST_F(InitTest, DefaultsCountForCommandsAndFiles) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run(&InitTest::defaults);
}

// Runs in a process with mounts and a host name of its own, where /init may do all it does.
template <class Function>
void run_apart(Function function) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool is_apart =
        ::unshare(CLONE_NEWNS | CLONE_NEWUTS) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount("tmpfs", "/run", "tmpfs", 0, nullptr) == 0 &&
        ::mount("tmpfs", "/etc/ssl/certs", "tmpfs", 0, nullptr) == 0 &&
        ::mount("tmpfs", "/usr/local/share", "tmpfs", 0, nullptr) == 0 &&
        base::write_file_atomic("/run/hosts", "127.0.0.1 localhost\n").has_value() &&
        ::mount("/run/hosts", "/etc/hosts", nullptr, MS_BIND, nullptr) == 0;
    if (!is_apart) ::_exit(2);
    function();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Init, MakesAGuestItself) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run_apart([] {
    const bool has_machine_id = ::access("/etc/machine-id", F_OK) == 0;
    if (has_machine_id) {
      EXPECT_TRUE(base::write_file_atomic("/run/machine-id", "of the template\n"));
      EXPECT_EQ(::mount("/run/machine-id", "/etc/machine-id", nullptr, MS_BIND, nullptr), 0);
    }
    GuestSettings settings;
    ::envd::InitRequest request;
    request.set_hostname("one-guest");
    request.set_sandbox_id("cl-1");
    request.set_template_id("minimal");
    request.set_entropy(base::random_bytes(64));
    request.set_ca_bundle("-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n");
    const auto applied = apply_init(request, settings);
    EXPECT_TRUE(applied) << applied.error().to_string();
    write_names(*applied);

    std::array<char, 65> name{};
    EXPECT_EQ(::gethostname(name.data(), name.size()), 0);
    EXPECT_STREQ(name.data(), "one-guest");
    const auto read = [](const char* path) { return base::read_file(path).value_or("missing"); };
    EXPECT_EQ(read("/etc/hosts"), "127.0.0.1 localhost\n127.0.1.1 one-guest\n");
    EXPECT_EQ(read("/run/wrenn/.WRENN_SANDBOX_ID"), "cl-1");
    EXPECT_EQ(read("/run/e2b/.E2B_TEMPLATE_ID"), "minimal");
    EXPECT_EQ(settings.env.at("E2B_SANDBOX_ID"), "cl-1");
    EXPECT_EQ(settings.env.at("WRENN_TEMPLATE_ID"), "minimal");
    EXPECT_EQ(read("/etc/ssl/certs/ca-certificates.crt"),
              bundle_with("", *read_certificates(request.ca_bundle())));
    if (has_machine_id) EXPECT_EQ(read("/etc/machine-id"), machine_id_of("cl-1") + "\n");
  });
}

TEST(Init, ChecksIdsAndCertificatesFirst) {
  GuestSettings settings;
  ::envd::InitRequest request;
  request.set_access_token("token");
  request.set_sandbox_id("../x");
  EXPECT_EQ(apply_init(request, settings).error().code, Code::kInvalidArgument);
  request.set_sandbox_id("");
  request.set_ca_bundle("no PEM");
  EXPECT_EQ(apply_init(request, settings).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(settings.token.empty());
}

TEST(Init, ClockIsSetWhenItIsFarOff) {
  constexpr std::int64_t kMs = 1'000'000;
  EXPECT_FALSE(clock_needs_step(0, 50 * kMs));
  EXPECT_TRUE(clock_needs_step(0, 51 * kMs));
  EXPECT_FALSE(clock_needs_step(5000 * kMs, 0));
  EXPECT_TRUE(clock_needs_step(5001 * kMs, 0));
}

}  // namespace
}  // namespace wrenn::envd
