// An HTTP/1.1 client for one server, with a pool of kept-alive connections.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "net/connection_pool.h"

namespace wrenn::net {

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

// A request whose body is written bit by bit, by HttpClient::upload(). Destroying it early closes
// its connection. The client must still exist.
class ClientUpload final {
 public:
  ClientUpload(ClientUpload&&) noexcept;
  ClientUpload& operator=(ClientUpload&&) = delete;
  ~ClientUpload();

  // One chunk of the body; the head leaves with the first. kUnavailable once the server has stopped
  // reading: finish() still gets the answer it gave, if any.
  Task<base::Result<void>> write(std::string_view bytes);
  // Sends the head now, for bodies whose first bytes may be long in coming.
  Task<base::Result<void>> flush();
  // `last`: the end of the body. Waits for the response's head. Nothing is called afterwards.
  Task<base::Result<ClientResponse>> finish(std::string_view last = {});

 private:
  friend class HttpClient;
  ClientUpload(HttpClient& client, std::unique_ptr<ClientConnection> connection, std::string method,
               std::string head);
  Task<base::Result<void>> send(std::string_view bytes, std::string_view end);

  HttpClient* client_;
  std::unique_ptr<ClientConnection> connection_;
  std::string method_;
  std::string pending_;  // The head, until it is sent.
  bool cut_ = false;     // A write failed: the body can not be completed.
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
  std::shared_ptr<const StreamSecurity> security;  // None: plain HTTP.
  std::string host = "localhost";                  // The Host field, unless the request brings one.
};

// For one loop. Calls may overlap: each has a connection of its own.
class HttpClient {
 public:
  HttpClient(Endpoint endpoint, HttpClientOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // A task that works for a request (with_request_id()) tells its id in X-Request-Id.
  // Any status is a response; an error means that there was none: kUnavailable (not connected, or
  // cut), kUnauthenticated (by TLS), kDeadlineExceeded, kCanceled. A kept connection that turns out
  // to be dead before the first byte of an answer is replaced once, unless a streamed body was
  // already touched.
  Task<base::Result<ClientResponse>> send(ClientRequest request);
  // The request's `body` and `stream` are not used. Connects, but does not send yet.
  Task<base::Result<ClientUpload>> upload(ClientRequest request);
  void close_idle() { pool_.close_idle(); }
  const Endpoint& endpoint() const { return pool_.endpoint(); }

 private:
  friend class ClientResponse;
  friend class ClientUpload;
  Task<base::Result<ClientResponse>> receive(std::unique_ptr<ClientConnection> connection,
                                             std::string method);

  const HttpClientOptions options_;
  ConnectionPool pool_;
};

}  // namespace wrenn::net
