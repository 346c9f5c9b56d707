// Agent: the agent that is measured, ours or another one that speaks the same protocol.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "bench/envd/event_reader.h"
#include "net/http_client.h"
#include "proto/process.pb.h"

namespace wrenn::bench {

using base::Result;
using connect::Codec;
using net::Task;

// The output of a command. Reading to the end of the stream gives its connection back.
class EventStream {
 public:
  EventStream(net::ClientResponse response, Codec codec)
      : response_(std::move(response)), reader_(codec) {}

  // Everything that was read is looked at before more is read. kUnknown with the agent's words when
  // the stream ends with an error.
  Task<Result<Event>> next();
  // The exit code of the command; its output is counted.
  Task<Result<std::int32_t>> finish();
  // Up to the next data event.
  Task<Result<void>> until_data();
  std::uint64_t output_bytes() const { return output_bytes_; }

 private:
  Task<Result<void>> read_more();

  net::ClientResponse response_;
  EventReader reader_;
  std::uint64_t output_bytes_ = 0;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
};

// For one loop. Calls may overlap.
class Agent {
 public:
  // `token`: sent with every call unless it is empty.
  Agent(net::Endpoint endpoint, std::string token);

  // The whole answer, undecoded; an error for any status but 200 and 204.
  Task<Result<std::string>> http(net::ClientRequest request);
  Task<Result<std::string>> unary(std::string path, const connect::Message& request, Codec codec);
  // The start event is read.
  Task<Result<std::unique_ptr<EventStream>>> start(process::StartRequest request, Codec codec,
                                                   std::uint32_t* pid = nullptr);
  // Runs a script that must succeed.
  Task<Result<void>> sh(std::string script);

  net::ClientRequest request(std::string method, std::string target) const;
  net::HttpClient& client() { return client_; }

 private:
  net::HttpClient client_;
  const std::string token_;
};

process::StartRequest command(std::string cmd, std::vector<std::string> args = {});

// The error of an answer that is none of 200 and 204.
base::Error refusal(int status, std::string_view body);

}  // namespace wrenn::bench
