#include "agent/registration.h"

#include <algorithm>

#include <boost/json.hpp>

#include "agent/machine.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "net/certificates.h"
#include "net/loop.h"
#include "net/signed_request.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

namespace json = boost::json;

constexpr auto kPeriod = std::chrono::seconds(30);
constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kGB = 1'000'000'000;

// This machine, and where it is called.
json::object state_of(const HostAddresses& addresses, const base::Path& wrenn_dir) {
  const Machine machine = machine_now(wrenn_dir);
  return {{"address", addresses.agent},
          {"proxy_address", addresses.proxy},
          {"arch", machine.arch},
          {"cpu_cores", machine.cpu_cores},
          {"memory_mb", machine.memory.total},
          {"disk_gb", machine.disk_mb * kMiB / kGB}};
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

// The certificate and the authority in a reply, for this key.
Result<void> take_certificate(const std::string& body, HostCredentials& into) {
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  const json::object* reply = error ? nullptr : value.if_object();
  if (reply == nullptr) return base::fail(Code::kInternal, "the control plane's reply is no JSON");
  HostCredentials next = into;
  next.certificate = text_in(*reply, "cert_pem");
  next.authority = text_in(*reply, "ca_cert_pem");
  if (const json::value* host = reply->if_contains("host"); host != nullptr && host->is_object()) {
    next.host_id = text_in(host->as_object(), "id");
  }
  const auto fits = net::belongs_together(next.certificate, next.key);
  if (!fits || !*fits || !net::read_certificate(next.authority) || next.host_id.empty()) {
    return base::fail(Code::kInternal, "the control plane sent no certificate for this host's key");
  }
  into = std::move(next);
  return {};
}

base::Error refused(const ControlPlaneReply& reply) {
  const Code code = reply.status == 401   ? Code::kUnauthenticated
                    : reply.status == 404 ? Code::kNotFound
                                          : Code::kUnavailable;
  return {code, concat("the control plane refuses: ", reply_text(reply))};
}

}  // namespace

Result<HostCredentials> register_host(const ControlPlaneClient& control_plane,
                                      const base::Secret& token, const HostAddresses& addresses,
                                      const base::Path& wrenn_dir) {
  HostCredentials credentials;
  credentials.control_plane = control_plane.url();
  WRENN_TRY_ASSIGN(credentials.key, net::make_private_key());
  WRENN_TRY_ASSIGN(const std::string request, net::make_certificate_request(credentials.key));
  json::object body = state_of(addresses, wrenn_dir);
  body["token"] = token.reveal();
  body["csr"] = request;
  WRENN_TRY_ASSIGN(const ControlPlaneReply reply,
                   control_plane.post("/v1/hosts/register", json::serialize(body)));
  if (reply.status != 201) return base::fail(refused(reply));
  WRENN_TRY(take_certificate(reply.body, credentials));
  WRENN_TRY(save_credentials(wrenn_dir, credentials));
  base::log_info("this host is registered",
                 {{"host", credentials.host_id}, {"control_plane", control_plane.url()}});
  return credentials;
}

Result<std::shared_ptr<net::TlsSecurity>> host_security(const HostCredentials& credentials) {
  return net::TlsSecurity::create(net::TlsSide::kServer,
                                  {credentials.certificate, credentials.key, credentials.authority},
                                  std::string(kControlPlaneName));
}

Heartbeats::Heartbeats(net::BlockingPool& pool, ControlPlaneClient control_plane,
                       HostCredentials credentials, HostAddresses addresses, base::Path wrenn_dir,
                       std::shared_ptr<net::TlsSecurity> security)
    : pool_(pool),
      control_plane_(std::move(control_plane)),
      credentials_(std::move(credentials)),
      addresses_(std::move(addresses)),
      wrenn_dir_(std::move(wrenn_dir)),
      security_(std::move(security)) {}

Task<void> Heartbeats::run() {
  do {
    const auto done = co_await pool_.run([this]() -> Result<void> {
      WRENN_TRY(beat());
      return is_renewal_due() ? renew() : Result<void>();
    });
    const std::string failure = done ? std::string() : done.error().to_string();
    if (failure != last_failure_) {
      if (done) {
        base::log_info("the control plane hears this host again", {});
      } else {
        base::log_warn("the control plane does not hear this host; tried again",
                       {{"error", done.error()}});
      }
      last_failure_ = failure;
    }
  } while (co_await net::sleep_for(kPeriod));
}

Result<ControlPlaneReply> Heartbeats::call(std::string_view what, const std::string& body) {
  const std::string path = concat("/v1/hosts/", credentials_.host_id, "/", what);
  // Each is later than the one before, or it would not count.
  last_signed_ms_ = std::max(base::unix_ms_now(), last_signed_ms_ + 1);
  WRENN_TRY_ASSIGN(const std::string signature,
                   net::sign_request({"POST", path, body}, credentials_.key, last_signed_ms_));
  return control_plane_.post(path, body, signature);
}

Result<void> Heartbeats::beat() {
  WRENN_TRY_ASSIGN(const ControlPlaneReply reply,
                   call("heartbeat", json::serialize(state_of(addresses_, wrenn_dir_))));
  if (reply.status != 204) return base::fail(refused(reply));
  return {};
}

bool Heartbeats::is_renewal_due() const {
  const auto facts = net::read_certificate(credentials_.certificate);
  if (!facts) return true;
  const auto [begins, ends] = facts->validity;
  // After a third of its time: there are weeks for trying again.
  return base::unix_ms_now() / 1000 > begins + (ends - begins) / 3;
}

Result<void> Heartbeats::renew() {
  WRENN_TRY_ASSIGN(const std::string request, net::make_certificate_request(credentials_.key));
  WRENN_TRY_ASSIGN(const ControlPlaneReply reply,
                   call("certificate", json::serialize(json::object{{"csr", request}})));
  if (reply.status != 200) return base::fail(refused(reply));
  HostCredentials next = credentials_;
  WRENN_TRY(take_certificate(reply.body, next));
  WRENN_TRY(save_credentials(wrenn_dir_, next));
  WRENN_TRY(security_->replace({next.certificate, next.key, next.authority}));
  credentials_ = std::move(next);
  base::log_info("the certificate of this host is renewed", {{"host", credentials_.host_id}});
  return {};
}

}  // namespace wrenn::agent
