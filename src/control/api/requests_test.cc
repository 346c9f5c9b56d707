#include "control/api/requests.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::concat;

// "" for a body that is taken, else the message.
template <class T>
std::string mistake(const Answer<T>& answer) {
  if (answer) return {};
  EXPECT_EQ(answer.error().code, ApiCode::kInvalidRequest);
  return answer.error().message;
}

TEST(RequestsTest, CreateHasDefaults) {
  for (const auto* body : {"", "{}", R"({"vcpus":0,"memory_mb":0,"disk_mb":0,"template":""})",
                           R"({"vcpus":null,"template":null,"unknown":[1,{}]})"}) {
    const auto params = parse_create(body);
    ASSERT_TRUE(params) << body;
    EXPECT_EQ(params->template_name, "minimal");
    EXPECT_FALSE(params->vcpus || params->memory_mb || params->disk_mb) << "the template's own";
    EXPECT_FALSE(params->lifecycle.timeout_sec);
    EXPECT_TRUE(params->auto_resume);
  }
  const auto params = parse_create(R"({"template":"py-3.11","vcpus":2,"vcpus":32,
      "memory_mb":65536,"disk_mb":1024,"timeout_sec":604800})");
  ASSERT_TRUE(params);
  EXPECT_EQ(params->vcpus, 32);  // The last of two.
  EXPECT_EQ(params->template_name, "py-3.11");
}

TEST(RequestsTest, LifecyclesForksAndSnapshots) {
  const auto said =
      parse_lifecycle(R"({"timeout_sec":0,"max_lifetime_sec":31536000,"on_timeout":"kill"})");
  ASSERT_TRUE(said);
  EXPECT_EQ(said->timeout_sec, 0) << "never, which is not the same as nothing said";
  EXPECT_EQ(said->max_lifetime_sec, 31536000);
  EXPECT_EQ(said->on_timeout, "kill");
  const auto nothing = parse_lifecycle("");
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(nothing->timeout_sec || nothing->max_lifetime_sec || nothing->on_timeout);
  EXPECT_EQ(mistake(parse_lifecycle(R"({"on_timeout":""})")), "on_timeout must be pause or kill");
  EXPECT_NE(mistake(parse_lifecycle(R"({"max_lifetime_sec":31536001})")), "");
  EXPECT_EQ(parse_pause("").value_or(""), "memory");
  EXPECT_EQ(parse_pause(R"({"mode":"disk"})").value_or(""), "disk");
  EXPECT_EQ(mistake(parse_pause(R"({"mode":"ram"})")), "mode must be memory or disk");
  EXPECT_EQ(parse_fork("")->count, 1);
  EXPECT_EQ(parse_fork(R"({"count":100})")->count, 100);
  EXPECT_NE(mistake(parse_fork(R"({"count":101})")), "");
  EXPECT_EQ(parse_snapshot(R"({"sandbox_id":"cl-a"})")->name, "");
  EXPECT_NE(mistake(parse_snapshot(R"({"name":"a"})")), "");
  EXPECT_NE(mistake(parse_snapshot(R"({"sandbox_id":"cl-a","name":"../a"})")), "");
}

TEST(RequestsTest, CreateNamesTheFieldThatIsWrong) {
  EXPECT_EQ(mistake(parse_create(R"({"vcpus":"two"})")),
            "vcpus must be a whole number from 1 to 32");
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"vcpus":-1})", "vcpus"},
      {R"({"vcpus":33})", "vcpus"},
      {R"({"vcpus":1.5})", "vcpus"},
      {R"({"vcpus":true})", "vcpus"},
      {R"({"vcpus":18446744073709551615})", "vcpus"},
      {R"({"vcpus":99999999999999999999999})", "vcpus"},
      {R"({"memory_mb":127})", "memory_mb"},
      {R"({"disk_mb":1048577})", "disk_mb"},
      {R"({"timeout_sec":-5})", "timeout_sec"},
      {R"({"timeout_sec":604801})", "timeout_sec"},
      {R"({"template":7})", "template"},
      {R"({"template":"../etc"})", "template"},
      {R"({"template":"a\u0000b"})", "template"},
      {R"({"template":".hidden"})", "template"},
      {"[]", "object"},
      {"{", "JSON"},
      {"{}x", "JSON"},
      {"\xff", "JSON"},
      {"{\"template\":\"\xff\"}", "JSON"},
  };
  for (const auto& [body, expected] : cases) {
    EXPECT_NE(mistake(parse_create(body)).find(expected), std::string::npos)
        << body << ": " << mistake(parse_create(body));
  }
  const std::string deep(100'000, '[');
  EXPECT_NE(mistake(parse_create(concat("{\"a\":", deep))), "");
}

TEST(RequestsTest, ExecTakesEverything) {
  const auto params = parse_exec(R"({"cmd":"sh","args":["-c","x"],"timeout_sec":5,
      "background":true,"tag":"job-1","envs":{"A":"1","B":""},"cwd":"/tmp","user":"root"})");
  ASSERT_TRUE(params);
  EXPECT_EQ(params->args, (std::vector<std::string>{"-c", "x"}));
  EXPECT_EQ(params->mode, ExecMode::kBackground);
  EXPECT_EQ(params->envs.at("A"), "1");
  EXPECT_EQ(params->user, "root");
  EXPECT_EQ(parse_exec(R"({"cmd":"a"})")->timeout_sec, 30);
  EXPECT_EQ(parse_exec(R"({"cmd":"a","timeout_sec":0})")->timeout_sec, 30);
}

TEST(RequestsTest, ExecNamesTheFieldThatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"{}", "cmd is missing"},
      {R"({"cmd":""})", "cmd must not be empty"},
      {R"({"cmd":"a\u0000"})", "NUL"},
      {R"({"cmd":["a"]})", "cmd must be a text"},
      {R"({"cmd":"a","args":"b"})", "args"},
      {R"({"cmd":"a","args":[1]})", "args"},
      {R"({"cmd":"a","timeout_sec":86401})", "timeout_sec"},
      {R"({"cmd":"a","timeout_sec":-1})", "timeout_sec"},
      {R"({"cmd":"a","background":1})", "background"},
      {R"({"cmd":"a","envs":[]})", "envs"},
      {R"({"cmd":"a","envs":{"A=B":"c"}})", "envs"},
      {R"({"cmd":"a","envs":{"":"c"}})", "envs"},
      {R"({"cmd":"a","envs":{"A":1}})", "envs"},
      {R"({"cmd":"a","tag":"123"})", "tag"},
      {R"({"cmd":"a","user":"a b"})", "user"},
  };
  for (const auto& [body, expected] : cases) {
    EXPECT_NE(mistake(parse_exec(body)).find(expected), std::string::npos) << body;
  }
}

TEST(RequestsTest, PathsMayHaveDotsButNoNul) {
  EXPECT_EQ(parse_path(R"({"path":"../a/../~b"})")->path, "../a/../~b");
  EXPECT_EQ(parse_path(R"({"path":"/","depth":0})")->depth, 1u);
  EXPECT_TRUE(parse_path(R"({"path":"/","user":"_apt"})"));
  EXPECT_NE(mistake(parse_path("{}")), "");
  EXPECT_NE(mistake(parse_path(R"({"path":""})")), "");
  EXPECT_NE(mistake(parse_path(R"({"path":"a\u0000"})")), "");
  EXPECT_NE(mistake(parse_path(concat("{\"path\":\"", std::string(10'000, 'a'), "\"}"))), "");
  EXPECT_NE(mistake(check_path(std::string_view("a\0b", 3))), "");
  EXPECT_NE(mistake(check_path("")), "");
}

TEST(RequestsTest, SelectorsAndSignals) {
  EXPECT_EQ(parse_selector("42")->pid, 42u);
  EXPECT_EQ(parse_selector("proc-1")->tag, "proc-1");
  EXPECT_NE(mistake(parse_selector("0")), "");
  EXPECT_NE(mistake(parse_selector("4294967296")), "");
  EXPECT_NE(mistake(parse_selector("a/b")), "");
  EXPECT_EQ(parse_signal(""), "SIGKILL");
  EXPECT_EQ(parse_signal("SIGTERM"), "SIGTERM");
  EXPECT_NE(mistake(parse_signal("SIGHUP")), "");
}

TEST(RequestsTest, QueryParameters) {
  EXPECT_EQ(query_parameter("a=1&signal=SIG%54ERM&b", "signal"), "SIGTERM");
  EXPECT_EQ(query_parameter("a=x+y", "a"), "x y");
  EXPECT_EQ(query_parameter("a=%zz", "a"), "");
  EXPECT_EQ(query_parameter("ab=1", "a"), "");
}

}  // namespace
}  // namespace wrenn::control
