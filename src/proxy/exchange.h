// Exchange: one request handed on to the next server, and its response handed back.
//
// Both directions stream at once, in constant memory: bytes are passed on as soon as they come, and
// a slow reader slows its writer. Interim responses, trailers and upgrades go through. Everything
// is written anew from what was parsed, nothing is passed on that was not understood.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "net/connection_pool.h"
#include "net/http_server.h"
#include "proxy/fault.h"
#include "proxy/tunnel.h"

namespace wrenn::proxy {

// Where the connections to the next server come from. For one loop.
class Upstream : public Traffic {
 public:
  // nullptr: none is kept.
  virtual std::unique_ptr<net::ClientConnection> take_idle() = 0;
  virtual net::Task<std::expected<std::unique_ptr<net::ClientConnection>, Fault>> dial() = 0;
  virtual void give_back(std::unique_ptr<net::ClientConnection> connection) = 0;
};

// What the client gets to see of a response. For one loop.
class ResponseFilter {
 public:
  virtual ~ResponseFilter() = default;
  // The fields without those of the connection and the framing. A fault takes the response's place.
  virtual std::expected<net::Headers, Fault> fields(const net::ResponseHead& head) const = 0;
};

// What the next server gets to see of the request, without framing.
struct Onward {
  std::string target;
  net::Headers fields;
};

class Exchange {
 public:
  Exchange(net::Request& request, net::ResponseWriter& response, Upstream& upstream,
           const ResponseFilter& filter, Onward onward);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Until the response is out, or the upgraded connection has ended. A fault leaves the response
  // for the caller to give, but for the untellable ones. A kept connection that turns out to be
  // dead is replaced once, if the request may be repeated (RFC 9110 section 9.2.2). A client that
  // leaves ends the exchange.
  net::Task<Outcome> run();

 private:
  net::Task<Outcome> attempt();
  net::Task<Outcome> stream_body(std::string head);
  net::Task<void> send_body(std::string head, net::StopSource& cut);
  net::Task<base::Result<void>> copy_body(std::string head);
  net::Task<base::Result<void>> splice_body(net::SpliceBuffer& pipe);
  base::Result<void> body_failed(base::Error error);
  net::Task<Outcome> respond();
  net::Task<std::expected<net::ResponseHead, Fault>> receive_head();
  net::Task<Outcome> send_response(const net::ResponseHead& head, net::Headers fields);
  net::Task<Outcome> send_bytes(net::BodyReader& body);
  net::Task<Outcome> splice_bytes(net::BodyReader& body, net::SpliceBuffer& pipe);
  net::Task<Outcome> switch_protocols(net::Headers fields);
  std::string make_head() const;
  bool may_repeat() const;

  net::Request& request_;
  net::ResponseWriter& response_;
  Upstream& upstream_;
  const ResponseFilter& filter_;
  const Onward onward_;
  const bool is_upgrade_;
  std::unique_ptr<net::ClientConnection> connection_;
  net::Stream::HangupWatch* watch_ = nullptr;
  bool body_sent_ = false;
  bool client_failed_ = false;
};

}  // namespace wrenn::proxy
