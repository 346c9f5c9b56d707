#include "control/api/host_calls.h"

#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/host_replies.h"
#include "control/api/json_fields.h"
#include "control/api/on_pool.h"
#include "control/api/requests.h"
#include "control/services.h"
#include "net/endpoint.h"
#include "net/signed_request.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using net::Task;

struct HostState {
  db::HostEndpoints endpoints;
  db::HostSpecs specs;
};
struct Registration {
  std::string token;
  std::string request;  // For a certificate.
  HostState state;
};

// A place that this process can dial: no name, no socket of this machine, not "any address".
void check_endpoint(JsonFields& fields, std::string_view field, const std::string& text) {
  const auto endpoint = net::Endpoint::parse(text);
  const bool is_usable = endpoint && !endpoint->is_unix() && !text.starts_with(':') &&
                         !text.starts_with("0.0.0.0:") && !text.starts_with("[::]:") &&
                         !text.ends_with(":0");
  if (!is_usable) fields.fail(concat("'", field, "' must be IP:PORT, as this machine reaches it"));
}

HostState parse_state(JsonFields& fields) {
  constexpr std::int64_t kMost = 1'000'000'000;
  HostState state;
  state.endpoints.agent =
      fields.text("address", {.presence = Presence::kRequired, .max_bytes = 64});
  state.endpoints.proxy =
      fields.text("proxy_address", {.presence = Presence::kRequired, .max_bytes = 64});
  state.specs = {.arch = fields.text("arch", {.presence = Presence::kRequired, .max_bytes = 32}),
                 .cpu_cores = fields.integer("cpu_cores", {.min = 1, .max = kMost, .fallback = 1}),
                 .memory_mb = fields.integer("memory_mb", {.min = 0, .max = kMost}),
                 .disk_gb = fields.integer("disk_gb", {.min = 0, .max = kMost})};
  check_endpoint(fields, "address", state.endpoints.agent);
  check_endpoint(fields, "proxy_address", state.endpoints.proxy);
  return state;
}

Answer<Registration> parse_registration(std::string_view body) {
  JsonFields fields(body);
  Registration wish;
  wish.token = fields.text("token", {.presence = Presence::kRequired, .max_bytes = 256});
  wish.request =
      fields.text("csr", {.presence = Presence::kRequired, .max_bytes = net::kMaxPemBytes});
  wish.state = parse_state(fields);
  API_TRY(fields.status());
  return wish;
}

// The token's errors are of who calls, and have a remedy; those of a database are of ours.
template <class T>
Answer<T> token_answer(base::Result<T> result) {
  if (result || result.error().code != Code::kUnauthenticated) {
    return db_answer(std::move(result));
  }
  return refuse(ApiCode::kUnauthorized, result.error().to_string());
}

Answer<db::HostCertificate> sign(Services& services, std::string_view host_id,
                                 std::string_view request) {
  auto certificate = services.pki.sign_host(host_id, request);
  if (certificate) return *std::move(certificate);
  if (certificate.error().code == Code::kInvalidArgument) {
    return refuse(ApiCode::kInvalidRequest, concat("'csr': ", certificate.error().message));
  }
  return std::unexpected(ApiError{ApiCode::kInternalError,
                                  "the certificate could not be signed; the log says why",
                                  certificate.error().message});
}

// On a pool thread: whose call it is, if they have signed it.
Answer<db::RegisteredHost> find_signer(Services& services, const Call& call,
                                       const net::SignedParts& parts, std::string_view signature) {
  if (!base::is_id(base::kHostPrefix, call.param(0))) {
    return refuse(ApiCode::kInvalidRequest, "not the id of a host");
  }
  auto found = services.registry.get(call.param(0));
  const bool is_unknown = found ? !found->host.is_registered || found->is_pending()
                                : found.error().code == Code::kNotFound;
  if (is_unknown) {
    return refuse(ApiCode::kNotFound,
                  "there is no such host: it was removed; `wrenn host add` adds it anew");
  }
  API_TRY_ASSIGN(db::RegisteredHost host, db_answer(std::move(found)));
  const auto signed_at =
      net::check_signed_request(parts, signature, host.certificate.pem, base::unix_ms_now());
  if (!signed_at) return refuse(ApiCode::kUnauthorized, signed_at.error().to_string());
  API_TRY_ASSIGN(const bool is_new,
                 db_answer(services.registry.note_call(host.host.id, *signed_at)));
  if (!is_new) return refuse(ApiCode::kUnauthorized, "this call was made before; sign another one");
  return host;
}

Task<Answer<db::RegisteredHost>> signer(Services& services, Call& call, const std::string& body) {
  const net::SignedParts parts{call.request().method(), call.request().path(), body};
  const std::string signature(call.request().headers().find(net::kSignatureField).value_or(""));
  co_return co_await on_pool(services.database_pool, [&]() -> Answer<db::RegisteredHost> {
    return find_signer(services, call, parts, signature);
  });
}

}  // namespace

Task<Answer<void>> register_host(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const Registration wish, parse_registration(body));
  API_CO_TRY_ASSIGN(const db::RegisteredHost host,
                    co_await on_pool(services.database_pool, [&]() -> Answer<db::RegisteredHost> {
                      // The token is used up last: a request that is refused for another reason can
                      // be repeated.
                      API_TRY_ASSIGN(const std::string id,
                                     token_answer(services.registry.host_of_token(wish.token)));
                      API_TRY_ASSIGN(const db::HostCertificate certificate,
                                     sign(services, id, wish.request));
                      return token_answer(services.registry.complete(
                          wish.token, wish.state.endpoints, wish.state.specs, certificate));
                    }));
  base::log_info("a host has registered", {{"host", host.host.name},
                                           {"id", host.host.id},
                                           {"address", host.host.address},
                                           {"certificate", host.certificate.serial}});
  co_return co_await call.send_json(201, registered_host_json(host, services.pki.certificate()));
}

Task<Answer<void>> host_heartbeat(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const db::RegisteredHost host, co_await signer(services, call, body));
  JsonFields fields(body);
  const HostState state = parse_state(fields);
  API_CO_TRY(fields.status());
  API_CO_TRY(db_answer(co_await services.database_pool.run([&] {
    return services.registry.note_heartbeat(host.host.id, state.endpoints, state.specs);
  })));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> renew_host_certificate(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const db::RegisteredHost host, co_await signer(services, call, body));
  JsonFields fields(body);
  const std::string request =
      fields.text("csr", {.presence = Presence::kRequired, .max_bytes = net::kMaxPemBytes});
  API_CO_TRY(fields.status());
  API_CO_TRY_ASSIGN(const db::HostCertificate certificate,
                    co_await on_pool(services.database_pool, [&]() -> Answer<db::HostCertificate> {
                      API_TRY_ASSIGN(db::HostCertificate made,
                                     sign(services, host.host.id, request));
                      API_TRY(db_answer(services.registry.renew(host.host.id, made)));
                      return made;
                    }));
  base::log_info("the certificate of a host is renewed",
                 {{"host", host.host.name}, {"certificate", certificate.serial}});
  co_return co_await call.send_json(
      200, renewed_certificate_json(certificate, services.pki.certificate()));
}

}  // namespace wrenn::control
