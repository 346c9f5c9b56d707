// StreamReader and StreamWriter: the messages of a streaming call, as its method sees them. For one
// loop; not thread-safe; they live as long as their call.
#pragma once

#include <optional>

#include "connect/codec.h"
#include "net/task.h"

namespace wrenn::connect {

// What a StreamReader is made of.
class MessageSource {
 public:
  // False at the end.
  virtual net::Task<base::Result<bool>> next(Message& message) = 0;
  // For calls that have exactly one request message; kUnimplemented for none or several.
  virtual net::Task<base::Result<void>> take_single(Message& message) = 0;

 protected:
  ~MessageSource() = default;
};

// What a StreamWriter is made of.
class MessageSink {
 public:
  virtual net::Task<base::Result<void>> write(const Message& message) = 0;
  virtual net::Task<base::Result<void>> start() = 0;
  // For calls that have exactly one response message: it is sent with the end of the call.
  virtual base::Result<void> keep_single(const Message& message) = 0;

 protected:
  ~MessageSink() = default;
};

template <class Request>
class StreamReader {
 public:
  explicit StreamReader(MessageSource& source) : source_(source) {}

  // Nothing once the caller has sent its last message; not to be called again after that or after
  // an error. kInvalidArgument, kInternal or kResourceExhausted for bytes that are no message.
  net::Task<base::Result<std::optional<Request>>> next() {
    Request message;
    auto more = co_await source_.next(message);
    if (!more) co_return base::fail(std::move(more).error());
    if (!*more) co_return std::optional<Request>();
    co_return std::optional<Request>(std::move(message));
  }

 private:
  MessageSource& source_;
};

template <class Response>
class StreamWriter {
 public:
  explicit StreamWriter(MessageSink& sink) : sink_(sink) {}
  // Sent at once; returns when the kernel has taken it, so that a slow reader slows its producer.
  net::Task<base::Result<void>> write(const Response& message) { return sink_.write(message); }
  // Sends the response's head now, for streams whose first message may be long in coming.
  net::Task<base::Result<void>> start() { return sink_.start(); }

 private:
  MessageSink& sink_;
};

}  // namespace wrenn::connect
