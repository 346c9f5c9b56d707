// ChannelDispatcher: brings what the database has for channels to them, with tries. Several control
// planes share the work; one that dies leaves what it had to the others.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "control/channels/channel_formats.h"
#include "db/channel_store.h"
#include "net/blocking.h"
#include "net/scope.h"
#include "net/web_client.h"

namespace wrenn::control {

// What to do after a try. Pure; `random` in [0, 1) spreads the tries of many.
// 2xx is delivered. 410, and what can never be called, is given up at once; the rest is tried again
// after 10 s, 20 s, 40 s ... 1 h, or when the receiver says so, for 24 h in all.
db::Attempt judge_attempt(const db::Delivery& delivery,
                          const base::Result<net::WebResponse>& answer, std::int64_t now,
                          double random);

class ChannelDispatcher {
 public:
  // `store` from the pool only; all three outlive it.
  ChannelDispatcher(db::ChannelStore& store, net::BlockingPool& database_pool,
                    net::Destinations destinations);

  // Delivers until it is stopped. One at a time.
  net::Task<void> run();
  // Now, and nothing is kept of it. On a thread of its own; cut short by nothing but its deadline.
  net::Task<base::Result<net::WebResponse>> send_now(std::string provider, ChannelConfig config,
                                                     ChannelMessage message);
  net::Destinations destinations() const { return destinations_; }

 private:
  static constexpr int kAtOnce = 8;

  net::Task<base::Result<int>> start_due(net::TaskScope& scope);
  net::Task<void> deliver(db::Delivery delivery);
  base::Result<net::WebResponse> attempt(const db::Delivery& delivery);

  db::ChannelStore& store_;
  net::BlockingPool& database_pool_;
  const net::Destinations destinations_;
  const net::WebClient client_;
  std::stop_source stop_;  // Of the calls that are under way.
  net::BlockingPool pool_{kAtOnce};
  int at_work_ = 0;
};

}  // namespace wrenn::control
