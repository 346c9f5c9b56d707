// Where a program tells its figures: GET /metrics, on a listener of its own.
//
// Figures are no secrets, but nobody's business either: without a token they are told to this
// machine alone.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"
#include "net/endpoint.h"
#include "net/http_server.h"

namespace wrenn::net {

class MetricsSource {
 public:
  virtual ~MetricsSource() = default;
  // All of them, as base::Exposition writes them.
  virtual Task<std::string> metrics() = 0;
};

// For one loop. Answers GET and HEAD of /metrics, and anything else with 404 or 405.
class MetricsHandler final : public HttpHandler {
 public:
  // Not empty: only `Authorization: Bearer TOKEN` is answered, all else with 401. The source must
  // outlive it.
  MetricsHandler(MetricsSource& source, base::Secret token)
      : source_(source), token_(std::move(token)) {}
  Task<base::Result<void>> handle(Request& request, ResponseWriter& response) override;

 private:
  bool may_read(const Request& request) const;

  MetricsSource& source_;
  const base::Secret token_;
};

// The answer to a request of /metrics by whoever may have it.
Task<base::Result<void>> send_metrics(MetricsSource& source, ResponseWriter& response);

// Where to listen, and for whom.
struct MetricsListen {
  std::string address;  // As Endpoint::parse() takes it; empty: nowhere.
  base::Secret token;
};
// WRENN_METRICS_TOKEN of the environment, for any address that is given.
MetricsListen metrics_listen(std::string address);
// Nothing for no address. kInvalidArgument for a bad one, for a token of less than 16 characters,
// and for an address that others reach too when there is no token.
base::Result<std::optional<Endpoint>> metrics_endpoint(const MetricsListen& listen);

// Listens there at once and serves until stopped; nothing is done where the endpoint is absent.
class MetricsServer {
 public:
  static base::Result<std::unique_ptr<MetricsServer>> start(Loop& loop, const MetricsListen& listen,
                                                            MetricsSource& source);
  Task<void> serve();

 private:
  MetricsServer(Listener listener, MetricsSource& source, base::Secret token)
      : listener_(std::move(listener)), handler_(source, std::move(token)) {}

  Listener listener_;
  MetricsHandler handler_;
};

}  // namespace wrenn::net
