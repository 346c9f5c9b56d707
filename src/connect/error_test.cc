#include "connect/error.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "connect/base64.h"

namespace wrenn::connect {
namespace {

using base::Code;

TEST(EndOfStream, CarriesTheError) {
  EXPECT_EQ(end_of_stream_json(nullptr), "{}");
  EXPECT_TRUE(parse_end_of_stream("{\"metadata\":{\"a\":[\"b\"]}}"));
  const base::Error error(Code::kNotFound, "no \"such\" thing", "look elsewhere");
  const auto parsed = parse_end_of_stream(end_of_stream_json(&error));
  ASSERT_TRUE(parsed && parsed->error);
  EXPECT_EQ(parsed->error->code, Code::kNotFound);
  EXPECT_EQ(parsed->error->message, "no \"such\" thing");
  EXPECT_EQ(parsed->error->remedy, "look elsewhere");
  EXPECT_EQ(parse_end_of_stream("nonsense").error().code, Code::kInternal);
}

TEST(ErrorJson, TakesBytesThatAreNotUtf8) {
  EXPECT_EQ(error_json({Code::kNotFound, "a\xff"}), "{\"code\":\"not_found\",\"message\":\"a?\"}");
}

TEST(ErrorJson, AnswersOfOthersAreNotErrors) {
  EXPECT_FALSE(parse_error_json("{\"code\":404,\"message\":\"x\"}"));
  EXPECT_FALSE(parse_error_json("{}"));
  EXPECT_FALSE(parse_error_json("<html>"));
}

TEST(ErrorJson, EscapesWhatJsonMust) {
  const std::string text = "\n\r\t\"\\\x01 \u263a \U0001f608";
  const std::string json = error_json({Code::kInternal, text});
  EXPECT_EQ(json,
            "{\"code\":\"internal\",\"message\":\"\\n\\r\\t\\\"\\\\\\u0001 \u263a \U0001f608\"}");
  EXPECT_EQ(parse_error_json(json)->message, text);
}

TEST(ErrorJson, CarriesDetails) {
  base::Error error(Code::kOutOfRange, "oops");
  error.details = {{"a.B", std::string("\x00\xff\xfe", 3)}, {"c.D", ""}};
  const std::string json = error_json(error);
  EXPECT_EQ(json,
            "{\"code\":\"out_of_range\",\"message\":\"oops\",\"details\":["
            "{\"type\":\"a.B\",\"value\":\"AP/+\"},{\"type\":\"c.D\",\"value\":\"\"}]}");
  const auto parsed = parse_error_json(json);
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->details.size(), 2U);
  EXPECT_EQ(parsed->details[0].type, "a.B");
  EXPECT_EQ(parsed->details[0].value, error.details[0].value);
}

TEST(ErrorJson, DetailsMayHoldMore) {
  const auto parsed = parse_error_json(
      R"({"code":"out_of_range","details":[{"type":"a.B","value":"Cgp0ZXN0LnByb3Rv","frob":"nitz",)"
      R"("debug":{"name":"x","more":[true]}},{"type":"broken","value":"%"}],"more":1})");
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->details.size(), 1U);
  EXPECT_EQ(parsed->details[0].value, "\n\ntest.proto");
}

TEST(ErrorJson, CodeComesFromTheStatusWhenItIsMissing) {
  for (const char* json : {R"({"code":null,"message":"oops"})", R"({"message":"oops"})",
                           R"({"code":"foobar","message":"oops"})"}) {
    const auto parsed = parse_error_json(json, Code::kUnauthenticated);
    ASSERT_TRUE(parsed) << json;
    EXPECT_EQ(parsed->code, Code::kUnauthenticated) << json;
    EXPECT_EQ(parsed->message, "oops") << json;
  }
}

TEST(EndOfStream, TakesWhatTheProtocolAllows) {
  EXPECT_FALSE(parse_end_of_stream("{\"error\":null}")->error);
  EXPECT_FALSE(parse_end_of_stream("{\"code\":\"out_of_range\"}")->error);
  for (const char* json :
       {R"({"error":{"code":null,"message":"oops"}})", R"({"error":{"message":"oops"}})",
        R"({"error":{"code":"foobar","message":"oops"}})"}) {
    const auto end = parse_end_of_stream(json);
    ASSERT_TRUE(end && end->error) << json;
    EXPECT_EQ(end->error->code, Code::kUnknown);
    EXPECT_EQ(end->error->message, "oops");
  }
}

TEST(EndOfStream, CarriesMetadata) {
  net::Headers metadata;
  metadata.add("X-Many", "one");
  metadata.add("other-bin", "AP8");
  metadata.add("x-many", "two");
  const std::string json = end_of_stream_json(nullptr, metadata);
  EXPECT_EQ(json, R"({"metadata":{"other-bin":["AP8"],"x-many":["one","two"]}})");
  const auto end = parse_end_of_stream(json);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->metadata.count("x-many"), 2U);
  EXPECT_EQ(end->metadata.find("other-bin"), "AP8");
  EXPECT_FALSE(parse_end_of_stream(R"({"metadata":{"a":"b"}})"));
  EXPECT_EQ(parse_end_of_stream(R"({"metadata":{"a b":["c"],"d":["e\nf"]}})")->metadata.size(), 0U);
}

TEST(Status, OfEveryCode) {
  const std::vector<std::pair<Code, int>> cases = {
      {Code::kCanceled, 499},           {Code::kUnknown, 500},
      {Code::kInvalidArgument, 400},    {Code::kDeadlineExceeded, 504},
      {Code::kNotFound, 404},           {Code::kAlreadyExists, 409},
      {Code::kPermissionDenied, 403},   {Code::kResourceExhausted, 429},
      {Code::kFailedPrecondition, 400}, {Code::kAborted, 409},
      {Code::kOutOfRange, 400},         {Code::kUnimplemented, 501},
      {Code::kInternal, 500},           {Code::kUnavailable, 503},
      {Code::kDataLoss, 500},           {Code::kUnauthenticated, 401}};
  for (const auto& [code, status] : cases) EXPECT_EQ(http_status(code), status);
}

TEST(Status, StandsForACode) {
  const std::vector<std::pair<int, Code>> cases = {
      {400, Code::kInternal},      {401, Code::kUnauthenticated}, {403, Code::kPermissionDenied},
      {404, Code::kUnimplemented}, {408, Code::kUnknown},         {409, Code::kUnknown},
      {412, Code::kUnknown},       {413, Code::kUnknown},         {415, Code::kUnknown},
      {418, Code::kUnknown},       {429, Code::kUnavailable},     {431, Code::kUnknown},
      {502, Code::kUnavailable},   {503, Code::kUnavailable},     {504, Code::kUnavailable},
      {505, Code::kUnknown},       {800, Code::kUnknown}};
  for (const auto& [status, code] : cases) EXPECT_EQ(code_from_http_status(status), code) << status;
}

TEST(Base64, ReadsEveryForm) {
  const std::string bytes("\xfb\xff\x00", 3);
  EXPECT_EQ(to_unpadded_base64(bytes + "a"), "+/8AYQ");
  EXPECT_EQ(to_url_base64(bytes + "a"), "-_8AYQ");
  for (const char* text : {"+/8AYQ", "+/8AYQ==", "-_8AYQ", "-_8AYQ=="}) {
    EXPECT_EQ(base::from_any_base64(text), bytes + "a") << text;
  }
  EXPECT_EQ(base::from_any_base64(""), "");
  for (const char* text : {"A", "AAAAA", "A===", "%", "A=BC"})
    EXPECT_FALSE(base::from_any_base64(text)) << text;
}

}  // namespace
}  // namespace wrenn::connect
