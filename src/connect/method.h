// How the four kinds of methods of a service are called; used by router.h alone.
#pragma once

#include <utility>

#include "connect/call_context.h"
#include "connect/message_streams.h"

namespace wrenn::connect::detail {

class Method {
 public:
  virtual ~Method() = default;
  // Of the wire: client streams and bidirectional ones are framed like server streams.
  virtual CallKind kind() const = 0;
  virtual net::Task<base::Result<void>> run(CallContext& context, MessageSource& source,
                                            MessageSink& sink) = 0;
};

template <class Service, class Req, class Res>
using UnaryMember = net::Task<base::Result<Res>> (Service::*)(CallContext&, const Req&);
template <class Service, class Req, class Res>
using StreamMember = net::Task<base::Result<void>> (Service::*)(CallContext&, const Req&,
                                                                StreamWriter<Res>&);
template <class Service, class Req, class Res>
using ClientStreamMember = net::Task<base::Result<Res>> (Service::*)(CallContext&,
                                                                     StreamReader<Req>&);
template <class Service, class Req, class Res>
using BidiMember = net::Task<base::Result<void>> (Service::*)(CallContext&, StreamReader<Req>&,
                                                              StreamWriter<Res>&);

template <class Service, class Req, class Res>
class UnaryMethod final : public Method {
 public:
  UnaryMethod(Service& service, UnaryMember<Service, Req, Res> member)
      : service_(service), member_(member) {}
  CallKind kind() const override { return CallKind::kUnary; }
  net::Task<base::Result<void>> run(CallContext& context, MessageSource& source,
                                    MessageSink& sink) override {
    Req request;
    WRENN_CO_TRY(co_await source.take_single(request));
    auto result = co_await (service_.*member_)(context, request);
    if (!result) co_return base::fail(std::move(result).error());
    co_return sink.keep_single(*result);
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
  net::Task<base::Result<void>> run(CallContext& context, MessageSource& source,
                                    MessageSink& sink) override {
    Req request;
    WRENN_CO_TRY(co_await source.take_single(request));
    StreamWriter<Res> writer(sink);  // NOLINT(misc-const-correctness): members take it as it is.
    co_return co_await (service_.*member_)(context, request, writer);
  }

 private:
  Service& service_;
  const StreamMember<Service, Req, Res> member_;
};

template <class Service, class Req, class Res>
class ClientStreamMethod final : public Method {
 public:
  ClientStreamMethod(Service& service, ClientStreamMember<Service, Req, Res> member)
      : service_(service), member_(member) {}
  CallKind kind() const override { return CallKind::kStream; }
  net::Task<base::Result<void>> run(CallContext& context, MessageSource& source,
                                    MessageSink& sink) override {
    StreamReader<Req> reader(source);
    auto result = co_await (service_.*member_)(context, reader);
    if (!result) co_return base::fail(std::move(result).error());
    co_return sink.keep_single(*result);
  }

 private:
  Service& service_;
  const ClientStreamMember<Service, Req, Res> member_;
};

template <class Service, class Req, class Res>
class BidiMethod final : public Method {
 public:
  BidiMethod(Service& service, BidiMember<Service, Req, Res> member)
      : service_(service), member_(member) {}
  CallKind kind() const override { return CallKind::kStream; }
  net::Task<base::Result<void>> run(CallContext& context, MessageSource& source,
                                    MessageSink& sink) override {
    StreamReader<Req> reader(source);
    StreamWriter<Res> writer(sink);  // NOLINT(misc-const-correctness): members take it as it is.
    co_return co_await (service_.*member_)(context, reader, writer);
  }

 private:
  Service& service_;
  const BidiMember<Service, Req, Res> member_;
};

}  // namespace wrenn::connect::detail
