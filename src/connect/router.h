// Router: serves Connect calls, unary and server streams, on an HTTP server.
//
//   router.unary("/process.Process/List", service, &ProcessService::list);
//   router.stream("/process.Process/Start", service, &ProcessService::start);
//
// where
//   Task<Result<ListResponse>> list(CallContext&, const ListRequest&);
//   Task<Result<void>> start(CallContext&, const StartRequest&, StreamWriter<StartResponse>&);
//
// The error a method returns reaches its caller with code, message and remedy. For one loop; not
// thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "connect/codec.h"
#include "net/http_server.h"

namespace wrenn::connect {

// Lives as long as its call.
struct CallContext {
  const net::Headers& request_headers;
  // Sent with the response's head: for a stream, before its first message.
  net::Headers response_headers;
  // The connection of the caller, e.g. for its address or credentials.
  net::Stream& peer;
  // From Connect-Timeout-Ms. The call is stopped then (its waits end with kCanceled) and the caller
  // gets deadline_exceeded; a method that must tell this from a caller who went away looks here.
  std::optional<base::SteadyTime> deadline;

  bool deadline_passed() const { return deadline && base::steady_now() >= *deadline; }
};

// What a StreamWriter is made of.
class MessageSink {
 public:
  virtual net::Task<base::Result<void>> write(const Message& message) = 0;
  virtual net::Task<base::Result<void>> start() = 0;

 protected:
  ~MessageSink() = default;
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

struct RouterOptions {
  std::size_t max_message_bytes = 4u << 20;  // Of a request.
};

namespace detail {

class Method {
 public:
  virtual ~Method() = default;
  virtual CallKind kind() const = 0;
  virtual std::unique_ptr<Message> new_request() const = 0;
  // Each kind of method overrides one of these.
  virtual net::Task<base::Result<std::unique_ptr<Message>>> call(CallContext& context,
                                                                 const Message& request);
  virtual net::Task<base::Result<void>> call_stream(CallContext& context, const Message& request,
                                                    MessageSink& sink);
};

template <class Service, class Req, class Res>
using UnaryMember = net::Task<base::Result<Res>> (Service::*)(CallContext&, const Req&);
template <class Service, class Req, class Res>
using StreamMember = net::Task<base::Result<void>> (Service::*)(CallContext&, const Req&,
                                                                StreamWriter<Res>&);

template <class Service, class Req, class Res>
class UnaryMethod final : public Method {
 public:
  UnaryMethod(Service& service, UnaryMember<Service, Req, Res> member)
      : service_(service), member_(member) {}
  CallKind kind() const override { return CallKind::kUnary; }
  std::unique_ptr<Message> new_request() const override { return std::make_unique<Req>(); }
  net::Task<base::Result<std::unique_ptr<Message>>> call(CallContext& context,
                                                         const Message& request) override {
    auto result = co_await (service_.*member_)(context, static_cast<const Req&>(request));
    if (!result) co_return base::fail(std::move(result).error());
    co_return std::make_unique<Res>(std::move(*result));
  }

 private:
  Service& service_;
  const UnaryMember<Service, Req, Res> member_;
};

template <class Service, class Req, class Res>
class StreamMethod final : public Method {
 public:
  StreamMethod(Service& service, StreamMember<Service, Req, Res> member)
      : service_(service), member_(member) {}
  CallKind kind() const override { return CallKind::kStream; }
  std::unique_ptr<Message> new_request() const override { return std::make_unique<Req>(); }
  net::Task<base::Result<void>> call_stream(CallContext& context, const Message& request,
                                            MessageSink& sink) override {
    StreamWriter<Res> writer(sink);
    co_return co_await (service_.*member_)(context, static_cast<const Req&>(request), writer);
  }

 private:
  Service& service_;
  const StreamMember<Service, Req, Res> member_;
};

}  // namespace detail

class Router final : public net::HttpHandler {
 public:
  explicit Router(RouterOptions options = {}) : options_(options) {}

  // `path`: "/package.Service/Method". The service must outlive the router.
  template <class Service, class Owner, class Req, class Res>
  void unary(std::string path, Service& service, detail::UnaryMember<Owner, Req, Res> member) {
    add(std::move(path), std::make_unique<detail::UnaryMethod<Owner, Req, Res>>(service, member));
  }
  template <class Service, class Owner, class Req, class Res>
  void stream(std::string path, Service& service, detail::StreamMember<Owner, Req, Res> member) {
    add(std::move(path), std::make_unique<detail::StreamMethod<Owner, Req, Res>>(service, member));
  }

  // True for every path below a registered service, "/package.Service/...": to be asked before
  // handle() by a server that has other routes too.
  bool owns(std::string_view path) const;
  // Answers every request it is given; for a path it does not own: 404, unimplemented.
  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;

 private:
  void add(std::string path, std::unique_ptr<detail::Method> method);

  const RouterOptions options_;
  std::map<std::string, std::unique_ptr<detail::Method>, std::less<>> methods_;
};

}  // namespace wrenn::connect
