// An HTTP/1.1 server: one task per connection, one request at a time on each, limits on everything.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "net/http_connection.h"
#include "net/scope.h"
#include "net/stream.h"
#include "net/stream_filter.h"

namespace wrenn::net {

// A request as the handler sees it. Its body is read at most once; what is left is drained.
class Request {
 public:
  Request(RequestHead head, BodyReader& body, InputBuffer& input, Stream& stream)
      : head_(std::move(head)), body_(body), input_(input), stream_(stream) {}

  const RequestHead& head() const { return head_; }
  std::string_view method() const { return head_.method; }
  std::string_view path() const { return head_.path(); }
  std::string_view query() const { return head_.query(); }
  const Headers& headers() const { return head_.headers; }
  BodyReader& body() { return body_; }
  // The stated length; nothing for a chunked body.
  std::optional<std::uint64_t> content_length() const {
    if (head_.framing == Framing::kChunked) return std::nullopt;
    return head_.length;
  }
  Stream& stream() { return stream_; }
  // What the client sent after this request's head (and body, once that is read): after an upgrade
  // the first bytes of the other protocol are here.
  InputBuffer& input() { return input_; }

 private:
  RequestHead head_;
  BodyReader& body_;
  InputBuffer& input_;
  Stream& stream_;
};

// Writes one response: either send(), or start() or prepare(), write()..., finish(), or upgrade().
// Each of these is one packet where the kernel can. Every method fails with kUnavailable once the
// client is gone.
class ResponseWriter {
 public:
  ResponseWriter(Stream& stream, const RequestHead& request);

  Task<base::Result<void>> send(int status, Headers headers, std::string_view body);
  // Without a length the body is chunked (HTTP/1.0: until close).
  Task<base::Result<void>> start(int status, Headers headers,
                                 std::optional<std::uint64_t> length = std::nullopt);
  // Like start(), but the head leaves with the first bytes, or with flush().
  void prepare(int status, Headers headers, std::optional<std::uint64_t> length = std::nullopt);
  Task<base::Result<void>> flush();
  Task<base::Result<void>> write(std::string_view bytes);
  // The same for bytes that are gone once the task waits (Loop::shared_buffer()).
  Task<base::Result<void>> write_shared(std::string_view bytes);
  // That part of a file in place of write(); only for a response with a stated length.
  Task<base::Result<void>> send_file(int file, std::uint64_t offset, std::uint64_t length);
  // What the buffer holds, in the same way.
  Task<base::Result<void>> write(SpliceBuffer& bytes);
  // `last`: the end of the body, sent together with its terminator; may be a shared buffer's, too.
  Task<base::Result<void>> finish(std::string_view last = {});
  // The same, with fields behind the body where it is chunked; elsewhere they are left out.
  Task<base::Result<void>> finish_with(const Headers& trailers);
  // Before the response itself: 100 or 103 (RFC 9110 section 15.2). HTTP/1.0 clients get none.
  Task<base::Result<void>> interim(int status, const Headers& headers);
  // "101 Switching Protocols": from now on the handler speaks with Request::input() and stream()
  // directly; the connection ends when it returns.
  Task<base::Result<void>> upgrade(Headers headers);

  // A field that the head gets whoever writes it: for what wraps a handler.
  void add_field(std::string_view name, std::string_view value) { fields_.add(name, value); }

  // The handler could not finish what it started: the connection is cut, so that the client sees
  // a truncated body rather than a complete one.
  void abort() { aborted_ = true; }
  // The connection ends after this response.
  void close_after() { keep_alive_ = false; }

  bool started() const { return started_; }
  bool finished() const { return finished_; }
  bool upgraded() const { return upgraded_; }
  bool keeps_connection() const { return keep_alive_ && finished_ && !aborted_; }
  int status() const { return status_; }

 private:
  base::Result<void> count(std::size_t bytes);
  std::string make_head(int status, const Headers& headers, std::optional<std::uint64_t> length);

  Stream& stream_;
  Headers fields_;
  const bool is_head_request_;
  const HttpVersion version_;
  bool keep_alive_;
  bool started_ = false;
  bool finished_ = false;
  bool aborted_ = false;
  bool upgraded_ = false;
  bool chunked_ = false;
  bool bodyless_ = false;
  std::uint64_t left_ = 0;
  int status_ = 0;
  std::string pending_;  // What goes out before the next bytes: the head, a chunk's size.
};

// Runs the task; when the client goes away meanwhile the task is stopped (kCanceled).
// For responses that may be silent for long.
Task<base::Result<void>> stop_on_disconnect(Stream& client, Task<base::Result<void>> task);

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // An error is for the log only: the handler answers its clients itself. An unanswered request
  // is answered with status 500. Called for several connections at once, on one loop.
  virtual Task<base::Result<void>> handle(Request& request, ResponseWriter& response) = 0;
};

struct HttpServerOptions {
  HeadLimits head;
  base::Duration header_timeout = std::chrono::seconds(10);
  base::Duration idle_timeout = std::chrono::seconds(620);
  // Between two pieces of a request body.
  base::Duration body_timeout = std::chrono::seconds(60);
  std::size_t max_connections = 4096;
  // Clients that stay for long (TCP keep-alive): one that vanished is noticed.
  bool keep_alive = false;
  // What every connection begins with, within the header's time. None: plain HTTP.
  std::shared_ptr<const StreamSecurity> security;
};

class HttpServer {
 public:
  HttpServer(HttpHandler& handler, HttpServerOptions options)
      : handler_(handler), options_(std::move(options)) {}

  // Accepts until stopped; returns once every connection has ended (they are stopped too).
  Task<void> serve(Listener listener);
  std::size_t connections() const { return streams_.size(); }
  // Ends every connection that exists now: those that wait for a request at once, the others after
  // their response.
  void close_kept();
  // Cuts every connection that exists now but this one (see Stream::cut): nobody is at the other
  // ends. Their handlers end as for clients that have gone away.
  void cut_all_but(const Stream& stream);

 private:
  Task<void> serve_connection(std::unique_ptr<Stream> stream);
  Task<base::Result<void>> secure(Stream& stream);
  Task<base::Result<void>> serve_requests(Stream& stream);

  HttpHandler& handler_;
  const HttpServerOptions options_;
  std::unordered_set<Stream*> streams_;  // Of all connections.
  // The wait for a next request ends with it. Shared with the connections that it was made for.
  std::shared_ptr<StopSource> kept_ = std::make_shared<StopSource>();
};

}  // namespace wrenn::net
