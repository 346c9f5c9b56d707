// An HTTP/1.1 client for one server, with a pool of kept-alive connections.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "net/byte_source.h"
#include "net/endpoint.h"
#include "net/http_parser.h"
#include "net/task.h"

namespace wrenn::net {

struct ClientConnection;
class HttpClient;

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";
  Headers headers;
  std::string body;
  // Sent in place of `body` when set; must outlive the call. Chunked unless the length is known.
  ByteSource* stream = nullptr;
  std::optional<std::uint64_t> stream_length;
};

// The head has come; the body is read with read(). Destroying it early closes its connection;
// reading to the end gives the connection back to the client, which must still exist.
class ClientResponse final : public ByteSource {
 public:
  ClientResponse(ClientResponse&&) noexcept;
  ClientResponse& operator=(ClientResponse&&) = delete;
  ~ClientResponse() override;

  int status() const;
  const Headers& headers() const;
  Task<base::Result<std::size_t>> read(std::span<char> buffer) override;

 private:
  friend class HttpClient;
  ClientResponse(HttpClient& client, std::unique_ptr<ClientConnection> connection);
  HttpClient* client_;
  std::unique_ptr<ClientConnection> connection_;
  ResponseHead head_;
};

struct HttpClientOptions {
  HeadLimits head;
  base::Duration connect_timeout = std::chrono::seconds(10);
  // From the last byte of the request to the response's head.
  base::Duration head_timeout = std::chrono::seconds(30);
  base::Duration idle_timeout = std::chrono::seconds(90);
  std::size_t max_idle = 10;
  // The connections are made from inside this network namespace (-1: our own). Kept open by the
  // owner of the client.
  int netns_fd = -1;
  std::string host = "localhost";  // The Host field, unless the request brings one.
};

// For one loop. Calls may overlap: each has a connection of its own.
class HttpClient {
 public:
  HttpClient(Endpoint endpoint, HttpClientOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // Any status is a response; an error means that there was none: kUnavailable (not connected, or
  // cut), kDeadlineExceeded, kCanceled. A kept connection that turns out to be dead before the
  // first byte of an answer is replaced once, unless a streamed body was already touched.
  Task<base::Result<ClientResponse>> send(ClientRequest request);
  void close_idle();
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  friend class ClientResponse;
  Task<base::Result<std::unique_ptr<ClientConnection>>> open();
  std::unique_ptr<ClientConnection> take_idle();
  void give_back(std::unique_ptr<ClientConnection> connection);

  const Endpoint endpoint_;
  const HttpClientOptions options_;
  std::vector<std::unique_ptr<ClientConnection>> idle_;
};

}  // namespace wrenn::net
