// The JSON form of messages, beside protobuf's own converter where the two must agree.
#include "connect/json.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "proto/envd.pb.h"
#include "proto/filesystem.pb.h"
#include "proto/process.pb.h"

namespace wrenn::connect {
namespace {

using base::Code;
using google::protobuf::util::MessageDifferencer;

filesystem::ListDirResponse full_listing() {
  filesystem::ListDirResponse response;
  auto& entry = *response.add_entries();
  entry.set_name("a \"quoted\"\\name\n\t\x01 \x7f é 𝄞");
  entry.set_type(filesystem::FILE_TYPE_FILE);
  entry.set_size(INT64_MAX);
  entry.set_mode(UINT32_MAX);
  entry.mutable_modified_time()->set_seconds(-1);
  entry.mutable_modified_time()->set_nanos(120'000'000);
  entry.set_symlink_target("");
  (*entry.mutable_metadata())["key"] = "value";
  response.add_entries()->set_type(static_cast<filesystem::FileType>(77));
  response.add_entries();
  return response;
}

process::StartRequest full_request() {
  process::StartRequest request;
  request.mutable_process()->set_cmd("sh");
  request.mutable_process()->add_args("");
  request.mutable_process()->add_args("-c");
  (*request.mutable_process()->mutable_envs())["A"] = "1";
  (*request.mutable_process()->mutable_envs())[""] = "";
  request.mutable_pty()->mutable_size()->set_cols(80);
  request.set_stdin(false);
  return request;
}

template <class M>
void expect_as_protobuf(const M& message) {
  const auto ours = write_json(message);
  ASSERT_TRUE(ours) << ours.error().message;
  M read_by_protobuf;
  const auto status = google::protobuf::util::JsonStringToMessage(*ours, &read_by_protobuf);
  EXPECT_TRUE(status.ok()) << status.ToString() << *ours;
  EXPECT_TRUE(MessageDifferencer::Equals(read_by_protobuf, message)) << *ours;

  std::string theirs;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(message, &theirs).ok());
  M read_by_us;
  const auto read = read_json(theirs, read_by_us);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(MessageDifferencer::Equals(read_by_us, message)) << theirs;
}

TEST(Json, AgreesWithProtobuf) {
  expect_as_protobuf(full_listing());
  expect_as_protobuf(full_request());
  process::StartResponse event;
  expect_as_protobuf(event);
  event.mutable_event()->mutable_start();
  expect_as_protobuf(event);
  event.mutable_event()->mutable_data()->set_stdout(std::string("\0\xff\xfe", 3));
  expect_as_protobuf(event);
  event.mutable_event()->mutable_end()->set_exit_code(-1);
  expect_as_protobuf(event);
  google::protobuf::Duration duration;
  duration.set_seconds(-3);
  duration.set_nanos(-5'000);
  expect_as_protobuf(duration);
  google::protobuf::Int64Value wrapped;
  wrapped.set_value(-7);
  expect_as_protobuf(wrapped);
}

TEST(Json, AnyValue) {
  google::protobuf::Value value;
  const std::string text = R"({"a":[null,true,-1.5,"x",{}],"b":{"c":1e300}})";
  ASSERT_TRUE(read_json(text, value));
  expect_as_protobuf(value);
  EXPECT_EQ(value.struct_value().fields().at("a").list_value().values_size(), 5);
  EXPECT_EQ(write_json(google::protobuf::Value()).error().code, Code::kInternal);
}

TEST(Json, MapsAreWrittenInOrder) {
  process::ProcessConfig config;
  for (const char* name : {"C", "A", "D", "", "B"}) (*config.mutable_envs())[name] = "1";
  EXPECT_EQ(write_json(config).value(), R"({"envs":{"":"1","A":"1","B":"1","C":"1","D":"1"}})");
}

TEST(Json, NumbersThatAreIntegersAreWrittenSo) {
  ::envd::Metrics metrics;
  metrics.set_mem_total(13e9);
  metrics.set_cpu_used_pct(12.5F);
  EXPECT_EQ(write_json(metrics).value(), R"({"cpu_used_pct":12.5,"mem_total":13000000000})");
}

template <class M>
void expect_reads(std::string_view text, std::string_view as) {
  M message;
  const auto read = read_json(text, message);
  ASSERT_TRUE(read) << text << ": " << read.error().message;
  EXPECT_EQ(write_json(message).value(), as) << text;
}

TEST(Json, WhatReadersMustTake) {
  expect_reads<filesystem::ListDirRequest>(" { \"depth\" : 3 , \"path\":\"/\" }\n",
                                           R"({"path":"/","depth":3})");
  // Both spellings of a name, integers as text and as reals, null, unknown fields of any shape.
  expect_reads<filesystem::WatchDirRequest>(R"({"include_entry":true,"allowNetworkMounts":false})",
                                            R"({"includeEntry":true})");
  expect_reads<filesystem::ListDirRequest>(R"({"depth":"7"})", R"({"depth":7})");
  expect_reads<filesystem::ListDirRequest>(R"({"depth":7.0})", R"({"depth":7})");
  expect_reads<filesystem::ListDirRequest>(R"({"depth":70e-1})", R"({"depth":7})");
  expect_reads<filesystem::EntryInfo>(R"({"size":"-9223372036854775808"})",
                                      R"({"size":"-9223372036854775808"})");
  expect_reads<filesystem::ListDirRequest>(R"({"path":null,"later":[1,{"a":[]},"x",null,true]})",
                                           "{}");
  expect_reads<filesystem::EntryInfo>(R"({"type":"FILE_TYPE_FILE"})",
                                      R"({"type":"FILE_TYPE_FILE"})");
  expect_reads<filesystem::EntryInfo>(R"({"type":1})", R"({"type":"FILE_TYPE_FILE"})");
  expect_reads<filesystem::EntryInfo>(R"({"type":99})", R"({"type":99})");
  // Escapes, surrogates, both alphabets of base64, with padding and without.
  expect_reads<filesystem::StatRequest>(R"({"path":"\u00e9\ud834\udd1e\/\b"})",
                                        "{\"path\":\"é𝄞/\\u0008\"}");
  for (const char* text : {"+/8=", "-_8=", "-_8"}) {
    expect_reads<process::ProcessInput>(base::concat(R"({"stdin":")", text, R"("})"),
                                        R"({"stdin":"+/8="})");
  }
  // The last of two counts.
  expect_reads<filesystem::StatRequest>(R"({"path":"a","path":"b"})", R"({"path":"b"})");
  process::ProcessConfig config;
  ASSERT_TRUE(read_json(R"({"envs":{"A":"1","A":"2"}})", config));
  EXPECT_EQ(config.envs().at("A"), "2");
}

template <class M>
void expect_refuses(std::string_view text, std::string_view reason) {
  M message;
  const auto read = read_json(text, message);
  ASSERT_FALSE(read) << text;
  EXPECT_EQ(read.error().code, Code::kInvalidArgument);
  EXPECT_NE(read.error().message.find(reason), std::string::npos)
      << text << ": " << read.error().message;
}

TEST(Json, WhatReadersMustRefuse) {
  using Request = filesystem::ListDirRequest;
  for (const char* text : {"",
                           "null",
                           "[]",
                           "\"x\"",
                           "{",
                           "{\"path\"",
                           "{\"path\":",
                           "{\"path\":}",
                           "{\"path\":\"a\"",
                           "{\"path\":\"a\",}",
                           "{path:\"a\"}",
                           "{'path':\"a\"}",
                           "{\"path\":\"a\"}x",
                           "{\"path\":\"a\"}{}",
                           "{\"x\":[1,]}",
                           "{\"x\":{\"y\"}}",
                           "{\"path\":\"\\x\"}",
                           "{\"path\":\"\\ud834\"}",
                           "{\"path\":\"\\udd1e\"}",
                           "{\"path\":\"\\ud834\\u0041\"}",
                           "{\"path\":\"\n\"}",
                           "{\"path\":\"\xff\"}",
                           "{\"path\":\"\xc3\\u0041\"}",
                           "{\"x\":tru}",
                           "{\"x\":01}",
                           "{\"x\":1.}",
                           "{\"x\":.5}",
                           "{\"x\":+1}",
                           "{\"x\":1e}",
                           "{\"x\":-}",
                           "{\"x\":NaN}"}) {
    expect_refuses<Request>(text, "not JSON for filesystem.ListDirRequest");
  }
  expect_refuses<Request>(R"({"path":5})", "path: a number is not expected");
  expect_refuses<Request>(R"({"path":["a"]})", "path: an array is not expected");
  for (const char* depth : {"-1", "4294967296", "1.5", "\"\"", "\"1 \"", "\"x\"", "1e10", "true"}) {
    expect_refuses<Request>(base::concat(R"({"depth":)", depth, "}"), "depth: ");
  }
  expect_refuses<filesystem::EntryInfo>(R"({"size":9223372036854775808})", "size: ");
  expect_refuses<filesystem::EntryInfo>(R"({"size":1e19})", "size: ");
  expect_refuses<filesystem::EntryInfo>(R"({"type":"FILE"})", "'FILE' is not a FileType");
  expect_refuses<filesystem::EntryInfo>(R"({"modifiedTime":"now"})",
                                        "modifiedTime: a time such as");
  expect_refuses<process::StartRequest>(R"({"process":{"args":["a",5]}})", "process.args: ");
  expect_refuses<process::StartRequest>(R"({"process":{"args":[null]}})", "process.args: ");
  expect_refuses<process::StartRequest>(R"({"process":{"envs":{"A":1}}})", "process.envs.A: ");
  expect_refuses<process::ProcessInput>(R"({"stdin":"a"})", "stdin: base64");
  expect_refuses<process::ProcessInput>(R"({"stdin":"YQ==","pty":"YQ=="})", "only one of input");
}

TEST(Json, NestingIsBounded) {
  const auto nested = [](int depth) {
    const auto n = static_cast<std::size_t>(depth);
    return base::concat(R"({"later":)", std::string(n, '['), std::string(n, ']'), "}");
  };
  expect_reads<filesystem::StatRequest>(nested(kMaxJsonDepth), "{}");
  expect_refuses<filesystem::StatRequest>(nested(kMaxJsonDepth + 1), "later");
  expect_refuses<filesystem::StatRequest>(nested(1'000'000), "later");
  expect_refuses<google::protobuf::Value>(std::string(1'000'000, '['), "nested too deeply");
}

TEST(Json, TextThatIsNotUtf8HasNoForm) {
  filesystem::StatRequest request;
  request.set_path("\xff");
  EXPECT_EQ(write_json(request).error().code, Code::kInternal);
}

}  // namespace
}  // namespace wrenn::connect
