// Router: serves Connect calls of all four kinds on an HTTP server.
//
//   router.unary("/process.Process/List", service, &ProcessService::list);
//   router.stream("/process.Process/Start", service, &ProcessService::start);
//   router.client_stream("/process.Process/StreamInput", service, &ProcessService::stream_input);
//   router.bidi_stream("/test.Test/Chat", service, &TestService::chat);
//
// where
//   Task<Result<ListResponse>> list(CallContext&, const ListRequest&);
//   Task<Result<void>> start(CallContext&, const StartRequest&, StreamWriter<StartResponse>&);
//   Task<Result<StreamInputResponse>> stream_input(CallContext&,
//   StreamReader<StreamInputRequest>&); Task<Result<void>> chat(CallContext&, StreamReader<Said>&,
//   StreamWriter<Said>&);
//
// A bidirectional stream is half duplex, as HTTP/1.1 clients are: the caller sends everything, then
// reads. A method may write earlier, but must not wait for a caller to react to it.
//
// The error a method returns reaches its caller with code, message, remedy and details. A method is
// stopped (its waits end with kCanceled) when its caller goes away or the deadline passes. For one
// loop; not thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "connect/call_head.h"
#include "connect/method.h"
#include "net/http_server.h"

namespace wrenn::connect {

struct RouterOptions {
  std::size_t max_message_bytes = 4u << 20;  // Of a request message, once it is decompressed.
  // Smaller responses are sent as they are even to callers who accept gzip.
  std::size_t min_compressed_bytes = 1024;
  VersionRule version = VersionRule::kOptional;
};

class Router final : public net::HttpHandler {
 public:
  explicit Router(RouterOptions options = {}) : options_(options) {}

  // `path`: "/package.Service/Method". The service must outlive the router. A unary method whose
  // proto file says idempotency_level = NO_SIDE_EFFECTS can be called with GET, too.
  template <class Service, class Owner, class Req, class Res>
  void unary(std::string path, Service& service, detail::UnaryMember<Owner, Req, Res> member) {
    add(std::move(path), std::make_unique<detail::UnaryMethod<Owner, Req, Res>>(service, member));
  }
  template <class Service, class Owner, class Req, class Res>
  void stream(std::string path, Service& service, detail::StreamMember<Owner, Req, Res> member) {
    add(std::move(path), std::make_unique<detail::StreamMethod<Owner, Req, Res>>(service, member));
  }
  template <class Service, class Owner, class Req, class Res>
  void client_stream(std::string path, Service& service,
                     detail::ClientStreamMember<Owner, Req, Res> member) {
    add(std::move(path),
        std::make_unique<detail::ClientStreamMethod<Owner, Req, Res>>(service, member));
  }
  template <class Service, class Owner, class Req, class Res>
  void bidi_stream(std::string path, Service& service, detail::BidiMember<Owner, Req, Res> member) {
    add(std::move(path), std::make_unique<detail::BidiMethod<Owner, Req, Res>>(service, member));
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
