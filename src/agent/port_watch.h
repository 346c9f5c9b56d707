// EnvdPortWatch: hears from envd when a program in the guest begins to listen.
#pragma once

#include "base/fd.h"
#include "base/secret.h"
#include "connect/client.h"
#include "net/http_client.h"
#include "proxy/guest.h"

namespace wrenn::agent {

// For the data plane's loop.
class EnvdPortWatch final : public proxy::PortWatch {
 public:
  EnvdPortWatch(base::Fd netns, const base::Secret& token);
  net::Task<void> wait_until_open(std::uint16_t port, base::Duration limit) override;

 private:
  net::Task<base::Result<void>> watch(std::uint16_t port);

  const base::Fd netns_;
  net::HttpClient http_;
  connect::Client client_;
};

}  // namespace wrenn::agent
