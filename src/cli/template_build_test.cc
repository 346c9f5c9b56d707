// The commands about builds, against an API that answers as it was told.
#include <pthread.h>

#include <csignal>
#include <thread>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/strings.h"
#include "cli/build_watch.h"
#include "cli/session.h"
#include "cli/test_api.h"

namespace wrenn::cli {
namespace {

using base::concat;
using Asked = std::vector<std::string>;

constexpr std::string_view kId = "bld-0000000000000000000000001";

std::string build_json(std::string_view status, std::string_view more = "") {
  return concat(R"({"id":")", kId, R"(","name":"app","tag":"latest","status":")", status,
                R"(","step":1,"steps":1,"cached_steps":0)", more, "}");
}
std::string end_line(std::string_view status, std::string_view more = "") {
  return concat(R"({"kind":"end","build":)", build_json(status, more), "}\n");
}
const std::string kLog = concat(R"({"number":1,"step":1,"kind":"step","text":"RUN true"})", "\n",
                                R"({"number":2,"step":1,"kind":"stdout","text":"said\n"})", "\n");

class TemplateBuild : public testing::Test {
 protected:
  void write(const char* name, std::string_view content) {
    ASSERT_TRUE(base::write_file_atomic(dir_.path() / name, content));
  }
  // The exit status of `wrenn LINE`; what it printed is in out_ and err_.
  int run(std::vector<std::string> line) {
    Session session;
    session.console = Console();
    session.flags.api_url = api_.url();
    session.flags.api_key = "wrn_key";
    CLI::App app;
    add_template_commands(app, session);
    std::ranges::reverse(line);  // As CLI11 takes it.
    app.parse(line);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const auto status = session.action();
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    if (!status) err_ += status.error().to_string();
    return status.value_or(-1);
  }
  int build(std::vector<std::string> more = {}) {
    std::vector<std::string> line = {"template", "build", dir_.path().native(), "--name", "app"};
    line.insert(line.end(), more.begin(), more.end());
    return run(line);
  }
  void answer_build(const std::string& log) {
    api_.answer({.to = "POST /v1/builds ", .status = 202, .body = build_json("waiting")});
    api_.answer({.to = "/logs?", .body = log});
  }
  // The methods and paths, without what was sent.
  Asked asked() const {
    Asked out;
    for (const std::string& question : api_.asked()) {
      out.push_back(question.substr(0, question.find(' ', question.find(' ') + 1)));
    }
    return out;
  }

  base::TempDir dir_ = base::TempDir::create().value();
  TestApi api_;
  std::string out_;
  std::string err_;
};

const std::string kLogsPath = concat("GET /v1/builds/", kId, "/logs?after=0&follow=true");

TEST_F(TemplateBuild, SendsNoFilesWhenItCopiesNone) {
  write("Dockerfile", "FROM minimal\nRUN true\n");
  answer_build(kLog + R"({"number":3,"step":1,"kind":"done","text":"0.1 s"})" + "\n" +
               end_line("ready"));
  api_.answer({.to = "/v1/snapshots",
               .body = concat(R"([{"name":"app","version":3,"build_id":")", kId, "\"}]")});
  EXPECT_EQ(build(), 0) << err_;
  EXPECT_EQ(asked(), (Asked{"POST /v1/builds", kLogsPath, "GET /v1/snapshots?type=snapshot"}));
  EXPECT_EQ(out_, "app@3\n");
  EXPECT_TRUE(err_.contains("#1 [1/1] RUN true\n#1 said\n#1 DONE 0.1 s\n")) << err_;
  EXPECT_TRUE(err_.contains("built app:latest (version 3), 0 of 1 step cached\n")) << err_;
}

TEST_F(TemplateBuild, SendsFilesOnceAndBuildsWithTheirDigest) {
  write("Dockerfile", "FROM minimal\nCOPY a /a\n");
  write("a", "content");
  write(".dockerignore", "Dockerfile\n.dockerignore\n");
  api_.answer({.to = "GET /v1/builds/contexts/", .status = 404, .body = "{}"});
  api_.answer({.to = "PUT /v1/builds/contexts/", .status = 201, .body = "{}"});
  answer_build(end_line("ready"));
  EXPECT_EQ(build(), 0) << err_;
  const Asked questions = asked();
  ASSERT_GE(questions.size(), 3u);
  const std::string path = questions[0].substr(4);
  EXPECT_EQ(questions[1], concat("PUT ", path));
  // The archive of one file, whose name is the first that stands there.
  EXPECT_TRUE(api_.asked()[1].starts_with(concat("PUT ", path, " a\0"))) << api_.asked()[1];
  EXPECT_TRUE(api_.asked()[2].contains(concat(R"("context":")", path.substr(path.rfind('/') + 1))));
  // The version could not be found out.
  EXPECT_EQ(out_, "app:latest\n");

  api_.answer({.to = "GET /v1/builds/contexts/", .body = "{}"});
  answer_build(end_line("ready"));
  EXPECT_EQ(build(), 0) << err_;
  EXPECT_EQ(std::ranges::count(asked(), questions[1]), 1);
  EXPECT_EQ(std::ranges::count(asked(), questions[0]), 2);
}

TEST_F(TemplateBuild, ShowsMistakesBeforeItAsks) {
  EXPECT_NE(build(), 0);
  EXPECT_TRUE(err_.contains("there is no Dockerfile and no wrenn.recipe")) << err_;
  write("Dockerfile", "FROM minimal\nRNU true\n");
  EXPECT_NE(build(), 0);
  EXPECT_TRUE(err_.contains("Dockerfile: line 2: ")) << err_;
  write("Dockerfile", "FROM minimal\n");
  EXPECT_EQ(build({"--base", "x"}), kUsage);
  EXPECT_EQ(build({"--progress", "tty"}), kUsage);
  EXPECT_TRUE(err_.contains("not a terminal")) << err_;
  EXPECT_THROW(build({"--cpus", "33"}), CLI::ValidationError);
  EXPECT_EQ(api_.asked(), Asked{});
}

TEST_F(TemplateBuild, AFailureShowsTheStepAndItsOutput) {
  write("wrenn.recipe", "RUN true\n");
  answer_build(kLog + end_line("failed", R"(,"error":"line 1, RUN true: exit status 1")"));
  EXPECT_EQ(build(), kFailed);
  EXPECT_TRUE(
      err_.contains("------\n > [1/8] RUN true:\nsaid\n------\n"
                    "error: line 1, RUN true: exit status 1\n"))
      << err_;
  EXPECT_EQ(out_, "");
  EXPECT_TRUE(api_.asked()[0].contains(R"("recipe":["RUN true"])")) << api_.asked()[0];
}

TEST_F(TemplateBuild, DetachedItPrintsTheId) {
  write("Dockerfile", "FROM minimal\n");
  answer_build("");
  EXPECT_EQ(build({"--detach"}), 0) << err_;
  EXPECT_EQ(out_, concat(kId, "\n"));
  EXPECT_EQ(asked(), (Asked{"POST /v1/builds"}));
}

TEST_F(TemplateBuild, JsonIsTheLogAsItCame) {
  write("Dockerfile", "FROM minimal\n");
  const std::string log = kLog + end_line("ready");
  answer_build(log);
  EXPECT_EQ(build({"--json"}), 0) << err_;
  EXPECT_EQ(out_, log);
}

TEST_F(TemplateBuild, LogsGoToStandardOutput) {
  api_.answer({.to = concat("GET /v1/builds/", kId, " "), .body = build_json("building")});
  api_.answer({.to = "/logs?after=0", .body = kLog});
  api_.answer({.to = "/logs?after=2", .body = ""});
  EXPECT_EQ(run({"template", "logs", std::string(kId)}), 0) << err_;
  EXPECT_EQ(out_, "#1 [1/1] RUN true\n#1 said\n");
  api_.answer({.to = concat("GET /v1/builds/", kId, " "), .body = build_json("building")});
  api_.answer({.to = "/logs?after=0&follow=true", .body = end_line("failed")});
  EXPECT_EQ(run({"template", "logs", "-f", std::string(kId)}), kFailed);
}

TEST_F(TemplateBuild, CancelTakesBeginningsOfIds) {
  api_.answer({.to = "GET /v1/builds ", .body = concat("[", build_json("building"), "]")});
  api_.answer({.to = "/cancel", .body = "{}"});
  api_.answer({.to = "/cancel", .status = 409, .body = R"({"error":{"message":"it is over"}})"});
  EXPECT_EQ(run({"template", "cancel", "bld-00", std::string(kId)}), kFailed);
  EXPECT_TRUE(err_.contains("it is over")) << err_;
  const std::string cancel = concat("POST /v1/builds/", kId, "/cancel");
  EXPECT_EQ(asked(), (Asked{"GET /v1/builds", cancel, cancel}));
}

TEST_F(TemplateBuild, TagsArePointedAndTakenAway) {
  api_.answer({.to = "PUT", .body = "{}"});
  EXPECT_EQ(run({"template", "tag", "app@3", "stable"}), 0) << err_;
  api_.answer(
      {.to = "GET /v1/snapshots", .body = R"([{"name":"app","version":4,"tags":["next"]}])"});
  api_.answer({.to = "PUT", .body = "{}"});
  EXPECT_EQ(run({"template", "tag", "app:next", "stable"}), 0) << err_;
  api_.answer({.to = "DELETE", .body = "{}"});
  EXPECT_EQ(run({"template", "untag", "app:next"}), 0) << err_;
  EXPECT_EQ(api_.asked(), (Asked{R"(PUT /v1/snapshots/app/tags/stable {"version":3})",
                                 "GET /v1/snapshots?type=snapshot ",
                                 R"(PUT /v1/snapshots/app/tags/stable {"version":4})",
                                 "DELETE /v1/snapshots/app/tags/next "}));
  EXPECT_EQ(run({"template", "tag", "app@x", "stable"}), kUsage);
  EXPECT_EQ(run({"template", "tag", "app@3", "a:b"}), kUsage);
  EXPECT_EQ(run({"template", "untag", "app"}), kUsage);
  EXPECT_EQ(run({"template", "untag", "app@3"}), kUsage);
  EXPECT_EQ(api_.asked().size(), 4u);
}

// ---- Ctrl-C -------------------------------------------------------------------------------------

class Interrupted : public TemplateBuild {
 protected:
  // Of a watch on a build whose log is silent, while this thread gets Ctrl-C as soon as the API was
  // asked each of these.
  int watch(std::vector<std::string> questions, FollowLimits limits) {
    sigset_t before;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    auto signals = net::Signals::create({SIGINT}).value();
    const auto client = ApiClient::create(api_.settings(), kUsualPatience).value();
    net::Loop loop;
    const Console console;
    BuildWatch watch(*client, console, {.build_id = std::string(kId), .limits = limits}, &signals);
    std::jthread typing([this, questions, self = ::pthread_self()] {
      for (const std::string& question : questions) {
        while (!std::ranges::any_of(
            api_.asked(), [&](const std::string& asked) { return asked.contains(question); })) {
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        ::pthread_kill(self, SIGINT);
      }
    });
    testing::internal::CaptureStderr();
    const auto status = loop.block_on(watch.run());
    err_ = testing::internal::GetCapturedStderr();
    typing.join();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return status.value_or(-1);
  }
};

TEST_F(Interrupted, OnceItCancelsAndWaitsForTheEnd) {
  api_.answer({.to = "/logs?", .body = kLog, .is_silent_then = true});
  api_.answer({.to = "/logs?", .body = end_line("canceled")});
  api_.answer({.to = "/cancel", .body = "{}"});
  EXPECT_EQ(watch({"/logs?"}, {.silence = std::chrono::milliseconds(500)}), kInterrupted);
  EXPECT_TRUE(err_.contains("canceling the build")) << err_;
  EXPECT_TRUE(err_.ends_with("the build was canceled\n")) << err_;
  EXPECT_EQ(std::ranges::count(asked(), concat("POST /v1/builds/", kId, "/cancel")), 1);
}

TEST_F(Interrupted, TwiceItLeaves) {
  api_.answer({.to = "/logs?", .body = kLog, .is_silent_then = true});
  api_.answer({.to = "/cancel", .body = "{}"});
  EXPECT_EQ(watch({"/logs?", "/cancel"}, {}), kInterrupted);
  EXPECT_TRUE(err_.contains("left; `wrenn template logs --follow")) << err_;
}

TEST_F(Interrupted, ABuildThatIsReadyIsReadyAllTheSame) {
  api_.answer({.to = "/logs?", .body = kLog, .is_silent_then = true});
  api_.answer({.to = "/logs?", .body = end_line("ready")});
  api_.answer({.to = "/cancel", .status = 409, .body = R"({"error":{"message":"it is over"}})"});
  EXPECT_EQ(watch({"/logs?"}, {.silence = std::chrono::milliseconds(500)}), 0);
  EXPECT_FALSE(err_.contains("error")) << err_;
}

}  // namespace
}  // namespace wrenn::cli
