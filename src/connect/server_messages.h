// The two ways in which the messages of a call travel, as the server sees them: bare, as the body
// of a unary call, and in envelopes. Used by router.cc alone.
#pragma once

#include <cstddef>
#include <string>

#include "connect/call_context.h"
#include "connect/call_head.h"
#include "connect/envelope_reader.h"
#include "connect/message_streams.h"
#include "net/http_server.h"

namespace wrenn::connect::detail {

struct MessageLimits {
  std::size_t max_bytes;             // Of a request message.
  std::size_t min_compressed_bytes;  // Of a response message.
};

// The body of a unary request, or the message of a GET.
class BareSource final : public MessageSource {
 public:
  BareSource(net::Request& request, const CallHead& call, MessageLimits limits)
      : request_(request), call_(call), limits_(limits) {}
  net::Task<base::Result<bool>> next(Message& message) override;
  net::Task<base::Result<void>> take_single(Message& message) override;

 private:
  net::Task<base::Result<std::string>> read_body();
  base::Result<void> unpack(std::string_view bytes, Message& message) const;

  net::Request& request_;
  const CallHead& call_;
  const MessageLimits limits_;
  bool taken_ = false;
};

// The body of a unary response: sent by send(), or an error by send_error().
class BareSink final : public MessageSink {
 public:
  BareSink(net::ResponseWriter& response, CallContext& context, const CallHead& call,
           MessageLimits limits)
      : response_(response), context_(context), call_(call), limits_(limits) {}
  net::Task<base::Result<void>> write(const Message& message) override;
  net::Task<base::Result<void>> start() override;
  base::Result<void> keep_single(const Message& message) override;

  net::Task<base::Result<void>> send();
  net::Task<base::Result<void>> send_error(const base::Error& error);

 private:
  net::Task<base::Result<void>> send_body(int status, Codec codec);

  net::ResponseWriter& response_;
  CallContext& context_;
  const CallHead& call_;
  const MessageLimits limits_;
  std::string body_;
};

class EnvelopeSource final : public MessageSource {
 public:
  EnvelopeSource(net::Request& request, const CallHead& call, MessageLimits limits)
      : codec_(call.codec), reader_(request.body(), call.received, limits.max_bytes) {}
  net::Task<base::Result<bool>> next(Message& message) override;
  net::Task<base::Result<void>> take_single(Message& message) override;

 private:
  const Codec codec_;
  EnvelopeReader reader_;
};

class EnvelopeSink final : public MessageSink {
 public:
  EnvelopeSink(net::ResponseWriter& response, CallContext& context, const CallHead& call,
               MessageLimits limits)
      : response_(response), context_(context), call_(call), limits_(limits) {}
  net::Task<base::Result<void>> write(const Message& message) override;
  net::Task<base::Result<void>> start() override;
  base::Result<void> keep_single(const Message& message) override;

  // The last frame: success, or the error.
  net::Task<base::Result<void>> end(const base::Error* error);
  // A write that failed may have sent a part: nothing can follow it.
  bool broken() const { return broken_; }

 private:
  void prepare();
  base::Result<void> append(const Message& message);
  void finish_envelope(std::size_t begin, std::uint8_t flags);
  base::Result<void> note(base::Result<void> written);

  net::ResponseWriter& response_;
  CallContext& context_;
  const CallHead& call_;
  const MessageLimits limits_;
  std::string buffer_;  // Envelopes to be sent; kept between messages for its memory.
  bool keeps_single_ = false;
  bool broken_ = false;
};

}  // namespace wrenn::connect::detail
