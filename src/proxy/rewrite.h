// Rewriter: an application believes it is at http://localhost:PORT/; its users see it elsewhere.
// Addresses in header fields are translated between the two.
#pragma once

#include <string>
#include <string_view>

#include "net/headers.h"
#include "proxy/address.h"

namespace wrenn::proxy {

enum class AddressForm { kHost, kPath };

// How the client of one request addressed the application.
struct PublicAddress {
  PortAddress address;
  AddressForm form = AddressForm::kPath;
  std::string scheme;     // "http" or "https".
  std::string authority;  // The Host field: "3000-cl-….example.com:8443" or "example.com".
};

// What is not known to be an address of this sandbox stays as it is, byte for byte: relative links,
// other hosts, what is not understood. Pure and thread-safe.
class Rewriter {
 public:
  explicit Rewriter(PublicAddress address);

  // A URL or a path as applications put it into Location and Content-Location. Another port of
  // the same sandbox becomes the address of that port.
  std::string to_public(std::string_view url) const;
  // "5; url=/x", the value of Refresh.
  std::string refresh(std::string_view value) const;
  // Path gets the prefix of the path form. Domain is left out: what an application takes for its
  // domain would give the cookie to other sandboxes.
  std::string set_cookie(std::string_view value) const;
  // The other way: the public address at the beginning of an Origin or a Referer becomes the one
  // the application knows, so that its checks against cross-site requests hold.
  std::string to_application(std::string_view url) const;

  // All fields of a response that hold addresses.
  net::Headers response(const net::Headers& headers) const;

  // What the application is told as its host: "localhost:3000". Development servers and Jupyter
  // refuse any other name.
  const std::string& application_host() const { return application_host_; }
  // "/proxy/{id}/{port}" in the path form, empty in the host form.
  const std::string& prefix() const { return prefix_; }
  const PublicAddress& address() const { return address_; }

 private:
  std::string with_prefix(std::string_view path) const;
  // The same for another port, absolute where it is another origin.
  std::string at_port(std::uint16_t port, std::string_view path) const;

  PublicAddress address_;
  std::string application_host_;
  std::string prefix_;
};

}  // namespace wrenn::proxy
