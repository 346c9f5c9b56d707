// The client of Firecracker's API against scripted peers on real sockets.
#include "vm/firecracker/api.h"

#include <unistd.h>

#include <array>
#include <filesystem>

#include <gtest/gtest.h>

#include "net/scope.h"
#include "net/stream.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::Result;
using net::Task;

constexpr auto kSoon = std::chrono::milliseconds(200);

// Answers one request with these bytes, after a while, and leaves.
Task<void> play(net::Listener& listener, std::string answer, base::Duration after,
                std::string& asked) {
  auto stream = co_await listener.accept();
  if (!stream) co_return;
  std::array<char, 4096> buffer;
  const auto n = co_await (*stream)->read_some(buffer);
  if (!n) co_return;
  asked.assign(buffer.data(), *n);
  if (after > base::Duration::zero() && !co_await net::sleep_for(after)) co_return;
  (void)co_await (*stream)->write_all(answer);
}

class FirecrackerApi : public testing::Test {
 protected:
  FirecrackerApi() { EXPECT_TRUE(dir_); }

  Result<net::Listener> listen(const base::Path& path) {
    WRENN_TRY_ASSIGN(const auto endpoint, net::Endpoint::unix_socket(path.native()));
    return net::Listener::listen(loop_, endpoint);
  }
  // What a call says whose peer answers so.
  Result<std::string> ask_peer(std::string answer, base::Duration after = {},
                               base::Duration deadline = std::chrono::seconds(5)) {
    WRENN_TRY_ASSIGN(auto listener, listen(dir_->path() / kApiSocket));
    return loop_.block_on(both(listener, std::move(answer), after, options(), deadline, asked_));
  }
  ApiOptions options() const { return {dir_->path(), ::geteuid()}; }
  Result<std::string> ask_nobody(ApiOptions options) {
    return loop_.block_on(ask(std::move(options), describe_version(), kSoon));
  }
  static void expect(const Result<std::string>& answer, Code code, std::string_view words) {
    ASSERT_FALSE(answer) << *answer;
    EXPECT_EQ(answer.error().code, code) << answer.error().to_string();
    EXPECT_NE(answer.error().message.find(words), std::string::npos) << answer.error().message;
  }

  Result<base::TempDir> dir_ = base::TempDir::create();
  net::Loop loop_;
  std::string asked_;

 private:
  static Task<Result<std::string>> both(net::Listener& listener, std::string answer,
                                        base::Duration after, ApiOptions options,
                                        base::Duration deadline, std::string& asked) {
    const net::Context context = co_await net::current_context();
    net::TaskScope scope(*context.loop);
    scope.spawn(play(listener, std::move(answer), after, asked));
    auto result = co_await ask(std::move(options), set_balloon(true), deadline);
    scope.request_stop();
    co_await scope.join();
    co_return result;
  }
};

std::string http(std::string_view status, std::string_view body) {
  return base::concat("HTTP/1.1 ", status, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

TEST_F(FirecrackerApi, AnswersAndWhatWasAsked) {
  EXPECT_EQ(ask_peer("HTTP/1.1 204 No Content\r\n\r\n").value_or("failed"), "");
  EXPECT_TRUE(asked_.starts_with("PUT /balloon HTTP/1.1\r\n")) << asked_;
  EXPECT_NE(asked_.find("application/json"), std::string::npos);
  EXPECT_TRUE(asked_.ends_with(set_balloon(true).body)) << asked_;
  EXPECT_EQ(ask_peer(http("200 OK", R"({"a":1})")).value_or("failed"), R"({"a":1})");
}

// As Firecracker's own HTTP server writes it: there is no reason phrase.
TEST_F(FirecrackerApi, TheVeryBytesOfFirecracker) {
  constexpr const char* kFields = "Server: Firecracker API\r\nConnection: keep-alive\r\n";
  EXPECT_EQ(ask_peer(base::concat("HTTP/1.1 204 \r\n", kFields, "\r\n")).value_or("failed"), "");
  EXPECT_EQ(ask_peer(base::concat("HTTP/1.1 200 \r\n", kFields,
                                  "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"))
                .value_or("failed"),
            "{}");
  expect(ask_peer("HTTP/1.1 503\r\nServer: Firecracker API\r\nConnection: close\r\n"
                  "Content-Length: 40\r\n\r\n{ \"error\": \"Too many open connections\" }"),
         Code::kFailedPrecondition, "Too many open connections");
}

TEST_F(FirecrackerApi, ARefusalSaysWhatAndWhy) {
  const std::string fault = R"({"fault_message":"the balloon is flat"})";
  expect(ask_peer(http("400 Bad Request", fault)), Code::kFailedPrecondition,
         "refused PUT /balloon: the balloon is flat");
  expect(ask_peer(http("500 Internal Server Error", "")), Code::kFailedPrecondition, "no reason");
}

TEST_F(FirecrackerApi, WhatIsNotOfTheApiIsAnError) {
  expect(ask_peer("no http\r\n\r\n"), Code::kInternal, "PUT /balloon");
  expect(ask_peer(http("302 Found", "")), Code::kInternal, "302");
  expect(ask_peer(http("200 OK", std::string(1 << 20, 'x'))), Code::kResourceExhausted, "/balloon");
  expect(ask_peer("HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x')), Code::kInternal,
         "/balloon");
}

TEST_F(FirecrackerApi, APeerThatLeavesOrIsSlow) {
  expect(ask_peer(""), Code::kUnavailable, "/balloon");
  expect(ask_peer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), Code::kUnavailable,
         "/balloon");
  expect(ask_peer(http("200 OK", ""), std::chrono::seconds(20), kSoon), Code::kDeadlineExceeded,
         "/balloon");
}

TEST_F(FirecrackerApi, OnlyTheSocketOfTheVmIsSpokenTo) {
  expect(ask_nobody(options()), Code::kUnavailable, "no socket api.sock");
  expect(ask_nobody({dir_->path() / "nowhere", 0}), Code::kNotFound, "/version");
  // A socket of somebody else, by a link in the VM's directory.
  const base::Path other = dir_->path() / "other.sock";
  const auto listener = listen(other);
  ASSERT_TRUE(listener);
  const base::Path socket = dir_->path() / kApiSocket;
  std::filesystem::create_symlink(other, socket);
  expect(ask_nobody(options()), Code::kPermissionDenied, "something else");
  std::filesystem::remove(socket);
  ASSERT_TRUE(base::write_file_atomic(socket, ""));
  expect(ask_nobody(options()), Code::kPermissionDenied, "something else");
  std::filesystem::remove(socket);
  std::filesystem::rename(other, socket);
  expect(ask_nobody({dir_->path(), ::geteuid() + 1}), Code::kPermissionDenied, "something else");
  // It accepts nothing.
  expect(ask_nobody(options()), Code::kDeadlineExceeded, "/version");
}

}  // namespace
}  // namespace wrenn::vm::firecracker
