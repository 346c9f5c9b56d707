#include "cli/proxy_listen.h"

#include "base/strings.h"
#include "cli/api_url.h"
#include "net/stream.h"

namespace wrenn::cli {
namespace {

constexpr int kTries = 64;

bool is_free(const std::string& address) {
  const auto endpoint = net::Endpoint::parse(address);
  if (!endpoint) return false;
  net::Loop loop;
  return net::Listener::listen(loop, *endpoint).has_value();
}

base::Result<std::string> next_free(const std::string& api_listen) {
  const std::size_t colon = api_listen.rfind(':');
  const auto port = base::parse_int<int>(std::string_view(api_listen).substr(colon + 1));
  for (int i = 1; port && i <= kTries; ++i) {
    // At the end of the range, downwards.
    const int next = *port + i <= 65535 ? *port + i : *port - i;
    std::string address = base::concat(api_listen.substr(0, colon), ':', next);
    if (is_free(address)) return address;
  }
  return base::fail(base::Code::kUnavailable,
                    base::concat("no port near ", api_listen, " is free for the proxy"),
                    "give one with --proxy-listen");
}

}  // namespace

base::Result<std::string> choose_proxy_listen(const std::string& given, const std::string& saved,
                                              const std::string& api_listen) {
  if (given == api_listen) {
    return base::fail(base::Code::kInvalidArgument,
                      base::concat("the proxy cannot listen on ", given, ": the API does"),
                      "give it a port of its own with --proxy-listen, or leave that out");
  }
  if (!given.empty()) {
    WRENN_TRY(url_of_listener(given));
    return given;
  }
  if (!saved.empty() && saved != api_listen) return saved;
  return next_free(api_listen);
}

}  // namespace wrenn::cli
