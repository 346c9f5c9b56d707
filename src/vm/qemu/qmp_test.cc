// The QMP client against a scripted peer on a real socket.
#include "vm/qemu/qmp.h"

#include <array>

#include <gtest/gtest.h>

#include "net/scope.h"

namespace wrenn::vm {
namespace {

using base::Code;
using base::Result;
using net::Task;

constexpr std::string_view kGreeting = R"({"QMP":{"version":{},"capabilities":[]}})"
                                       "\n";

// Sends the greeting, then answers each command with the next line of the script.
Task<void> play(net::Listener& listener, std::vector<std::string> script) {
  auto stream = co_await listener.accept();
  if (!stream) co_return;
  if (!co_await (*stream)->write_all(kGreeting)) co_return;
  std::array<char, 4096> buffer;
  for (const auto& answer : script) {
    const auto n = co_await (*stream)->read_some(buffer);
    if (!n || *n == 0) co_return;
    if (!co_await (*stream)->write_all(answer)) co_return;
  }
}

class QmpTest : public testing::Test {
 protected:
  using Calls = Task<Result<std::string>> (*)(base::Path);

  // Runs `calls` against a peer with this script.
  Result<std::string> run(std::vector<std::string> script, Calls calls) {
    auto socket = listen_for_qmp(dir_->path());
    if (!socket) return base::fail(socket.error());
    auto listener = net::Listener::adopt(loop_, std::move(*socket));
    if (!listener) return base::fail(listener.error());
    return loop_.block_on(both(*listener, std::move(script), calls, dir_->path()));
  }

 private:
  static Task<Result<std::string>> both(net::Listener& listener, std::vector<std::string> script,
                                        Calls calls, base::Path directory) {
    const net::Context context = co_await net::current_context();
    net::TaskScope scope(*context.loop);
    scope.spawn(play(listener, std::move(script)));
    auto result = co_await net::with_timeout(std::chrono::seconds(5), calls(directory));
    scope.request_stop();
    co_await scope.join();
    co_return result;
  }

  Result<base::TempDir> dir_ = base::TempDir::create();
  net::Loop loop_;
};

Task<Result<std::string>> query(base::Path directory) {
  WRENN_CO_TRY_ASSIGN(const auto qmp, co_await Qmp::connect(directory));
  co_return co_await qmp->execute("query-things", R"({"a":1})");
}

Task<Result<std::string>> wait_for_running(base::Path directory) {
  WRENN_CO_TRY_ASSIGN(const auto qmp, co_await Qmp::connect(directory));
  WRENN_CO_TRY(co_await qmp->wait_until_running());
  co_return "running";
}

constexpr const char* kDone = "{\"return\":{}}\n";

TEST_F(QmpTest, EventsBetweenAreSkipped) {
  const auto result =
      run({kDone, "{\"event\":\"STOP\",\"data\":{}}\n{\"return\":{\"x\":[1,2]}}\n"}, query);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, R"({"x":[1,2]})");
}

TEST_F(QmpTest, ARefusalSaysWhatWasRefused) {
  const auto result =
      run({kDone, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"}}\n"}, query);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kFailedPrecondition);
  EXPECT_NE(result.error().message.find("query-things"), std::string::npos);
}

TEST_F(QmpTest, WaitsForTheGuestToRun) {
  const auto later = run({kDone,
                          "{\"return\":{\"status\":\"inmigrate\",\"running\":false}}\n"
                          "{\"event\":\"OTHER\"}\n{\"event\":\"RESUME\"}\n"},
                         wait_for_running);
  EXPECT_EQ(later.value_or("failed"), "running");
}

TEST_F(QmpTest, AGuestThatRunsAlreadyIsNotWaitedFor) {
  const auto now =
      run({kDone, "{\"return\":{\"status\":\"running\",\"running\":true}}\n"}, wait_for_running);
  EXPECT_EQ(now.value_or("failed"), "running");
}

TEST_F(QmpTest, WhatIsNotQmpIsAnError) {
  for (const std::string& answer :
       {std::string("not json\n"), std::string("[1]\n"), std::string(2 << 20, 'x') + "\n"}) {
    const auto result = run({kDone, answer}, query);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().code, Code::kDeadlineExceeded);
  }
}

TEST_F(QmpTest, APeerThatLeavesIsUnavailable) {
  const auto result = run({kDone}, query);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace wrenn::vm
