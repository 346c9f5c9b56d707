#include "connect/call_head.h"

#include <gtest/gtest.h>

namespace wrenn::connect {
namespace {

using base::Code;

net::RequestHead request(std::string method, std::string target, net::Headers headers = {}) {
  net::RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.headers = std::move(headers);
  return head;
}

base::Result<CallHead> read_get(std::string query, net::Headers headers = {}) {
  const auto head = request("GET", "/a.B/C?" + query, std::move(headers));
  auto call = match_call(head, CallKind::kUnary, SideEffects::kNone);
  if (!call) return base::fail(call.error().error);
  WRENN_TRY(read_terms(head, VersionRule::kOptional, *call));
  return std::move(*call);
}

TEST(GetCall, IsRead) {
  const auto json =
      read_get("message=%7B%22a%22%3A+%22%2B%22%7D&encoding=json&more=%zz&connect=v1");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->get_message, "{\"a\": \"+\"}");
  EXPECT_EQ(json->codec, Codec::kJson);
  for (const char* value : {"-_8AYQ", "-_8AYQ%3D%3D", "%2B/8AYQ=="}) {
    const auto proto = read_get(std::string("encoding=proto&base64=1&message=") + value);
    ASSERT_TRUE(proto) << value;
    EXPECT_EQ(proto->get_message, std::string("\xfb\xff\x00"
                                              "a",
                                              4));
  }
  EXPECT_EQ(read_get("encoding=json&message=")->get_message, "");
  EXPECT_EQ(read_get("encoding=json&message=a&base64=2")->get_message, "a");
}

TEST(GetCall, CompressionIsReadAndAnsweredInKind) {
  const auto call = read_get("encoding=proto&compression=gzip&message=");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->received, Compression::kGzip);
  EXPECT_EQ(call->reply, Compression::kGzip);
  const auto other = read_get("encoding=proto&compression=gzip&message=",
                              net::Headers().with("Accept-Encoding", "identity"));
  EXPECT_EQ(other->reply, Compression::kIdentity);
}

TEST(GetCall, BadQueries) {
  const std::vector<std::pair<std::string, Code>> cases = {
      {"", Code::kUnknown},
      {"encoding=xml&message=", Code::kUnknown},
      {"encoding=json", Code::kInvalidArgument},
      {"encoding=json&message=%2", Code::kInvalidArgument},
      {"encoding=json&base64=1&message=%25", Code::kInvalidArgument},
      {"encoding=json&message=&connect=v2", Code::kInvalidArgument},
      {"encoding=json&message=&compression=br", Code::kUnimplemented},
  };
  for (const auto& [query, code] : cases) {
    const auto call = read_get(query);
    ASSERT_FALSE(call) << query;
    EXPECT_EQ(call.error().code, code) << query;
  }
}

TEST(GetCall, QueryIsInTheOrderOfTheProtocol) {
  EXPECT_EQ(make_get_query(Codec::kJson, Compression::kIdentity, "{\"a\":1}"),
            "connect=v1&encoding=json&message=%7B%22a%22%3A1%7D");
  EXPECT_EQ(make_get_query(Codec::kProto, Compression::kIdentity, "\xfb\xff"),
            "connect=v1&base64=1&encoding=proto&message=-_8");
  EXPECT_EQ(make_get_query(Codec::kProto, Compression::kGzip, ""),
            "connect=v1&base64=1&compression=gzip&encoding=proto&message=");
}

TEST(CallHead, VersionCanBeRequired) {
  const auto read = [](std::string method, std::string target, net::Headers headers) {
    headers.set("Content-Type", "application/json");
    const auto head = request(std::move(method), std::move(target), std::move(headers));
    auto call = match_call(head, CallKind::kUnary, SideEffects::kNone);
    return read_terms(head, VersionRule::kRequired, *call).has_value();
  };
  EXPECT_FALSE(read("POST", "/a.B/C", {}));
  EXPECT_TRUE(read("POST", "/a.B/C", net::Headers().with("connect-protocol-version", "1")));
  EXPECT_FALSE(read("GET", "/a.B/C?encoding=json&message=", {}));
  EXPECT_TRUE(read("GET", "/a.B/C?encoding=json&message=&connect=v1", {}));
}

TEST(CallHead, SideEffectsStandInTheProtoFile) {
  EXPECT_EQ(side_effects_of("/process.Process/List"), SideEffects::kNone);
  EXPECT_EQ(side_effects_of("/process.Process/Start"), SideEffects::kPossible);
  EXPECT_EQ(side_effects_of("/process.Process"), SideEffects::kPossible);
  EXPECT_EQ(side_effects_of(""), SideEffects::kPossible);
}

}  // namespace
}  // namespace wrenn::connect
