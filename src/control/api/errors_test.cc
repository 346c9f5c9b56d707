#include "control/api/errors.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

using base::Code;
using base::Error;

void expect_agent(Code code, int status, std::string_view name) {
  const ApiError error = from_agent(Error(code, "why", "do this"));
  EXPECT_EQ(http_status(error.code), status) << base::code_name(code);
  EXPECT_EQ(wire_name(error.code), name) << base::code_name(code);
  EXPECT_NE(error.message.find("why"), std::string::npos);
  EXPECT_NE(error.message.find("do this"), std::string::npos);
}

TEST(ErrorsTest, MapsWhatTheAgentSays) {
  expect_agent(Code::kNotFound, 404, "not_found");
  expect_agent(Code::kInvalidArgument, 400, "invalid_request");
  expect_agent(Code::kFailedPrecondition, 409, "conflict");
  expect_agent(Code::kAlreadyExists, 409, "conflict");
  expect_agent(Code::kPermissionDenied, 403, "forbidden");
  expect_agent(Code::kUnavailable, 503, "host_unavailable");
  expect_agent(Code::kResourceExhausted, 503, "no_hosts_available");
  expect_agent(Code::kUnimplemented, 501, "agent_error");
  expect_agent(Code::kDeadlineExceeded, 502, "agent_error");
}

TEST(ErrorsTest, WhatIsInsideAHostStaysInTheLog) {
  const std::string inside = "cannot open /srv/wrenn/sandboxes/cl-1/vm/disk: Input/output error";
  for (const Code code : {Code::kInternal, Code::kUnknown, Code::kDataLoss}) {
    const ApiError error = from_agent(Error(code, inside, "look at /srv"));
    EXPECT_EQ(http_status(error.code), 502) << base::code_name(code);
    EXPECT_EQ(wire_name(error.code), "agent_error");
    EXPECT_FALSE(error.message.contains("/srv")) << error.message;
    EXPECT_TRUE(for_log(error).contains(inside)) << for_log(error);
  }
  const ApiError away = from_agent(Error(Code::kUnavailable, "connecting to unix:/srv/agent.sock"));
  EXPECT_FALSE(away.message.contains("/srv")) << away.message;
  EXPECT_TRUE(for_log(away).contains("/srv/agent.sock"));
}

TEST(ErrorsTest, AnAgentThatIsAwayComesWithARemedy) {
  const ApiError error = from_agent(Error(Code::kUnavailable, "connect: no such file"));
  EXPECT_NE(error.message.find("is it running?"), std::string::npos) << error.message;
}

TEST(ErrorsTest, MapsTheDatabaseAndTheClient) {
  EXPECT_EQ(from_db(Error(Code::kNotFound, "x")).code, ApiCode::kNotFound);
  EXPECT_EQ(from_db(Error(Code::kUnavailable, "busy")).code, ApiCode::kDbUnavailable);
  // Where the database is, and what is in it, is nobody's business.
  const auto failed = from_db(Error(Code::kInternal, "table secrets"));
  EXPECT_EQ(failed.code, ApiCode::kDbError);
  EXPECT_EQ(failed.message.find("secrets"), std::string::npos);
  EXPECT_EQ(failed.detail, "table secrets");
  EXPECT_EQ(from_client(Error(Code::kUnavailable, "x")).code, ApiCode::kClientGone);
  EXPECT_EQ(from_client(Error(Code::kInvalidArgument, "x")).code, ApiCode::kInvalidRequest);
}

TEST(ErrorsTest, TheBodyIsJsonWhateverTheMessage) {
  EXPECT_EQ(error_body({ApiCode::kNotFound, "a \"b\"\n"}),
            R"({"error":{"code":"not_found","message":"a \"b\"\n"}})");
  EXPECT_EQ(error_body({ApiCode::kAgentError, "\xff"}).find('\xff'), std::string::npos);
}

}  // namespace
}  // namespace wrenn::control
