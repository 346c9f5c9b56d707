#include "proxy/edge_proxy.h"

#include <algorithm>
#include <array>

#include "base/crypto.h"
#include "base/log.h"
#include "base/request_id.h"
#include "base/strings.h"
#include "base/time.h"
#include "net/scope.h"
#include "proxy/forward.h"

namespace wrenn::proxy {
namespace {

using base::concat;
using base::Result;
using net::Task;

constexpr std::string_view kPreviewCookie = "wrenn_preview";
constexpr int kSeeOther = 303;
constexpr int kPermanentRedirect = 308;

// Connections to the agent of one host.
class HostUpstream final : public Upstream {
 public:
  HostUpstream(net::ConnectionPool& pool, ProxyStats& stats) : pool_(pool), stats_(stats) {}
  std::unique_ptr<net::ClientConnection> take_idle() override { return pool_.take_idle(); }
  Task<std::expected<std::unique_ptr<net::ClientConnection>, Fault>> dial() override {
    auto connection = co_await pool_.open();
    if (connection) co_return std::move(*connection);
    const std::string request = co_await net::current_request_id();
    base::log_warn("a host does not answer", {{"host", pool_.endpoint().to_string()},
                                              {"error", connection.error()},
                                              {"request", request}});
    co_return fault(FaultKind::kHostUnreachable, "The host of the sandbox does not answer");
  }
  void give_back(std::unique_ptr<net::ClientConnection> connection) override {
    pool_.give_back(std::move(connection));
  }
  void on_bytes(Flow flow, std::uint64_t bytes) override { stats_.count_bytes(flow, bytes); }

 private:
  net::ConnectionPool& pool_;
  ProxyStats& stats_;
};

// A fault that the host's half of the proxy tells.
std::optional<Fault> told_fault(const net::Headers& fields) {
  const auto told = fields.find(kFaultField);
  if (!told) return std::nullopt;
  const std::size_t space = std::min(told->find(' '), told->size());
  const auto kind = kind_from_wire(told->substr(0, space));
  return Fault{kind.value_or(FaultKind::kHostUnreachable),
               std::string(base::trim(told->substr(space)))};
}

class RewritingFilter final : public ResponseFilter {
 public:
  explicit RewritingFilter(const Rewriter& rewriter) : rewriter_(rewriter) {}
  std::expected<net::Headers, Fault> fields(const net::ResponseHead& head) const override {
    if (auto told = told_fault(head.headers)) return std::unexpected(std::move(*told));
    return response_fields(head.headers, head.status, rewriter_);
  }

 private:
  const Rewriter& rewriter_;
};

struct GivenKey {
  std::string_view field;
  std::string_view key;
};

// The API keys of ours among the fields; an application may well ask for keys of its own there.
std::vector<GivenKey> given_keys(const net::Headers& fields,
                                 const std::vector<std::string>& prefixes) {
  constexpr std::string_view kScheme = "bearer ";
  std::vector<GivenKey> found;
  const auto add = [&](std::string_view field, std::string_view key) {
    if (std::ranges::any_of(prefixes, [&](const auto& one) { return key.starts_with(one); })) {
      found.push_back({field, key});
    }
  };
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& [name, value] = fields[i];
    if (base::equal_ignore_case(name, "x-api-key")) add("x-api-key", value);
    if (base::equal_ignore_case(name, "authorization") &&
        base::equal_ignore_case(std::string_view(value).substr(0, kScheme.size()), kScheme)) {
      add("authorization", base::trim(std::string_view(value).substr(kScheme.size())));
    }
  }
  return found;
}

}  // namespace

class EdgeProxy::OpenCount {
 public:
  OpenCount(EdgeProxy& edge, const std::string& id)
      : edge_(edge), at_(edge.open_.try_emplace(id).first) {
    ++at_->second;
  }
  OpenCount(const OpenCount&) = delete;
  OpenCount& operator=(const OpenCount&) = delete;
  ~OpenCount() {
    if (--at_->second == 0) edge_.open_.erase(at_);
  }
  std::size_t count() const { return at_->second; }

 private:
  EdgeProxy& edge_;
  std::map<std::string, std::size_t, std::less<>>::iterator at_;
};

std::expected<EdgeProxy::Visit, Fault> EdgeProxy::read_address(
    net::Request& request, net::ResponseWriter& response) const {
  std::string_view target = request.head().target;
  std::string_view host = request.headers().find("host").value_or("");
  if (const auto scheme = target.find("://"); scheme != target.npos && !target.starts_with('/')) {
    // Absolute form: its authority counts (RFC 9112 section 3.2.2).
    const std::string_view rest = target.substr(scheme + 3);
    const std::size_t path = std::min(rest.find_first_of("/?"), rest.size());
    host = rest.substr(0, path);
    target = path == rest.size() ? std::string_view("/") : rest.substr(path);
  }
  Visit visit{.request = request, .response = response, .authority = std::string(host)};
  visit.credentials = {.fields = {std::string(kTrafficHeader), std::string(kE2bTrafficHeader)},
                       .cookies = {std::string(kPreviewCookie)}};
  auto by_host = parse_host(host, settings_.domain);
  if (!by_host) return fault(FaultKind::kBadRequest, by_host.error().to_string());
  if (*by_host) {
    visit.address = std::move(**by_host);
    visit.target = target;
    return visit;
  }
  visit.form = target.starts_with(kTunnelRoot) ? Form::kTunnel : Form::kPath;
  auto by_path = parse_path(target, visit.form == Form::kTunnel ? kTunnelRoot : kProxyRoot);
  if (!by_path) return fault(FaultKind::kBadRequest, by_path.error().to_string());
  if (!*by_path) {
    return fault(FaultKind::kNotFound,
                 concat("Ports of sandboxes are at {port}-{sandbox id}.", settings_.domain,
                        " and at /proxy/{sandbox id}/{port}/; there is nothing else here"));
  }
  visit.address = std::move((*by_path)->address);
  visit.target = (*by_path)->rest;
  return visit;
}

std::string EdgeProxy::prefix(const Visit& visit) const {
  return visit.form == Form::kHost ? std::string() : path_prefix(visit.address);
}

Task<Result<std::shared_ptr<const SandboxPlace>>> EdgeDirectory::wake(std::string, WakeReason) {
  co_return nullptr;
}

Task<Result<void>> EdgeProxy::handle(net::Request& request, net::ResponseWriter& response) {
  const base::Counted open(stats_.open);
  // None is made up: it would cost the many, and the few that fail are told anyway.
  const auto id = request.headers().find(base::kRequestIdField);
  const bool has_id = id && base::is_request_id(*id);
  auto handled = has_id ? co_await net::with_request_id(std::string(*id), visit(request, response))
                        : co_await visit(request, response);
  stats_.answers.add(response.status());
  co_return handled;
}

Task<Result<void>> EdgeProxy::visit(net::Request& request, net::ResponseWriter& response) {
  auto visit = read_address(request, response);
  if (!visit) co_return co_await answer(request, response, visit.error(), {});
  const Outcome outcome = co_await serve(*visit);
  if (outcome) co_return {};
  const Fault& problem = outcome.error();
  if (response.started() || is_untellable(problem.kind)) {
    response.abort();
    co_return base::fail(base::Code::kUnavailable, problem.message);
  }
  co_return co_await answer(request, response, problem,
                            {visit->address.sandbox_id, visit->address.port});
}

Task<Outcome> EdgeProxy::serve(Visit& visit) {
  const auto place = co_await directory_.find(visit.address.sandbox_id);
  if (!place) {
    base::log_error("a sandbox could not be looked up", {{"error", place.error()}});
    co_return fault(FaultKind::kHostUnreachable, "The sandbox could not be looked up");
  }
  if (*place == nullptr || (!(*place)->is_running && !(*place)->can_wake)) {
    co_return fault(FaultKind::kSandboxNotFound, "The sandbox was not found");
  }
  const auto goes_on = co_await authorize(visit, **place);
  if (!goes_on) co_return std::unexpected(goes_on.error());
  if (!*goes_on) co_return Outcome();
  const std::string_view method = visit.request.method();
  const bool lacks_slash = visit.form == Form::kPath && !visit.target.starts_with('/');
  if (lacks_slash && (method == "GET" || method == "HEAD")) {
    co_return co_await redirect(visit, kPermanentRedirect, concat('/', visit.target), {});
  }
  const OpenCount open(*this, visit.address.sandbox_id);
  if (open.count() > settings_.max_open) {
    co_return fault(FaultKind::kTooMany,
                    concat("The sandbox may have ", settings_.max_open, " requests open at once"));
  }
  if (!(*place)->is_running) {
    co_return co_await wake_and_forward(visit, WakeReason::kAsleep);
  }
  const Outcome outcome = co_await forward(visit, **place);
  const bool is_refused = !outcome && outcome.error().kind == FaultKind::kSandboxNotFound;
  if (!is_refused || !(*place)->can_wake || visit.response.started()) co_return outcome;
  // Its host paused it by itself a moment ago.
  co_return co_await wake_and_forward(visit, WakeReason::kHostRefused);
}

Task<Outcome> EdgeProxy::wake_and_forward(Visit& visit, WakeReason reason) {
  const auto place =
      co_await net::with_stop(net::StopToken(), directory_.wake(visit.address.sandbox_id, reason));
  if (!place) {
    co_return fault(FaultKind::kHostUnreachable,
                    concat("The sandbox could not be resumed: ", place.error().message));
  }
  if (*place == nullptr || !(*place)->is_running) {
    co_return fault(FaultKind::kSandboxNotFound, "The sandbox was not found");
  }
  // The host had the body of the request already when it refused.
  const auto framing = visit.request.head().framing;
  if (reason == WakeReason::kHostRefused && framing != net::Framing::kNone) {
    co_return fault(FaultKind::kHostUnreachable,
                    "The sandbox was paused just now, and runs again: send the request once more");
  }
  co_return co_await forward(visit, **place);
}

// Computed once for each sandbox: a signature costs as much as the rest of a small request.
bool EdgeProxy::is_traffic_token(const std::string& sandbox_id, std::string_view token) {
  constexpr std::size_t kMaxKept = 10'000;
  auto known = traffic_tokens_.find(sandbox_id);
  if (known == traffic_tokens_.end()) {
    if (traffic_tokens_.size() >= kMaxKept) traffic_tokens_.clear();
    std::string expected = access_.traffic_token(sandbox_id);
    if (!access_.is_traffic_token(sandbox_id, expected)) return false;  // Without a key none is.
    known = traffic_tokens_.emplace(sandbox_id, std::move(expected)).first;
  }
  return base::constant_time_equal(known->second, token);
}

// False: the answer has been given.
Task<std::expected<bool, Fault>> EdgeProxy::authorize(Visit& visit, const SandboxPlace& place) {
  const net::Headers& fields = visit.request.headers();
  // Whatever opens the port, and even where none is needed: no application sees a key of ours.
  const std::vector<GivenKey> keys = given_keys(fields, settings_.api_key_prefixes);
  for (const auto& given : keys) visit.credentials.fields.emplace_back(given.field);
  // envd asks for a token of its own, on the sandbox's host.
  if (visit.address.port == kEnvdPort) co_return true;
  const auto preview = take_parameter(visit.target, kPreviewParameter);
  if (std::ranges::count(place.public_ports, visit.address.port) > 0) co_return true;
  for (const std::string_view name : {kTrafficHeader, kE2bTrafficHeader}) {
    const auto token = fields.find(name);
    if (!token) continue;
    if (is_traffic_token(visit.address.sandbox_id, *token)) co_return true;
    co_return fault(FaultKind::kForbidden,
                    concat("Sandbox is secured with traffic access token. Token header '", name,
                           "' is invalid"));
  }
  if (preview) co_return co_await open_preview(visit, *preview);
  for (const std::string_view token : net::cookies_named(fields, kPreviewCookie)) {
    const auto valid = access_.check_preview(visit.address, token, base::unix_ms_now() / 1000);
    if (valid == AccessKey::Preview::kValid) co_return true;
  }
  if (!keys.empty()) {
    const auto team = co_await directory_.team_of_key(std::string(keys.front().key));
    if (!team) co_return fault(FaultKind::kHostUnreachable, "The API key could not be checked");
    if (*team == place.team_id) co_return true;
    co_return fault(FaultKind::kForbidden, "The API key is not one of the sandbox's team");
  }
  co_return fault(FaultKind::kForbidden,
                  concat("Sandbox is secured with traffic access token. Token header '",
                         kTrafficHeader, "' is missing"));
}

// A signed address: a browser gets a cookie for it and goes on without it, so that it is neither
// bookmarked nor passed on.
Task<std::expected<bool, Fault>> EdgeProxy::open_preview(Visit& visit, std::string_view token) {
  const std::int64_t now = base::unix_ms_now() / 1000;
  switch (access_.check_preview(visit.address, token, now)) {
    case AccessKey::Preview::kExpired:
      co_return fault(FaultKind::kForbidden, "The link has expired: ask for a new one");
    case AccessKey::Preview::kInvalid:
      co_return fault(FaultKind::kForbidden, "The link is not valid: ask for a new one");
    case AccessKey::Preview::kValid:
      break;
  }
  if (visit.request.method() != "GET" || !wants_page(visit.request.headers()) ||
      is_upgrade(visit.request.headers())) {
    co_return true;
  }
  const std::string path = prefix(visit);
  const auto expires =
      base::parse_int<std::int64_t>(token.substr(0, token.find('.'))).value_or(now);
  net::Headers fields;
  fields.add("Set-Cookie", concat(kPreviewCookie, '=', token, "; Path=", path.empty() ? "/" : path,
                                  "; Max-Age=", expires - now, "; HttpOnly; SameSite=Lax",
                                  settings_.scheme == "https" ? "; Secure" : ""));
  const std::string slash = visit.target.starts_with('/') ? "" : "/";
  auto sent = co_await redirect(visit, kSeeOther, slash + visit.target, std::move(fields));
  if (!sent) co_return std::unexpected(std::move(sent).error());
  co_return false;
}

Task<Outcome> EdgeProxy::redirect(Visit& visit, int status, const std::string& target,
                                  net::Headers fields) {
  // Two slashes at the beginning would be another host's address.
  const std::string path = concat(prefix(visit), target);
  net::Headers all;
  all.add("Location", path.starts_with("//") ? concat("/.", path) : path);
  all.add("Cache-Control", "no-store");
  all.add("Referrer-Policy", "no-referrer");
  for (std::size_t i = 0; i < fields.size(); ++i) all.add(fields[i].name, fields[i].value);
  const auto sent = co_await visit.response.send(status, std::move(all), "");
  if (!sent) co_return fault(FaultKind::kClientGone, "the client left");
  co_return Outcome();
}

Task<Outcome> EdgeProxy::forward(Visit& visit, const SandboxPlace& place) {
  const Rewriter rewriter(
      {.address = visit.address,
       .form = visit.form == Form::kHost ? AddressForm::kHost : AddressForm::kPath,
       .scheme = settings_.scheme,
       .authority = visit.authority});
  net::Headers fields = request_fields(visit.request.headers(), rewriter,
                                       visit.request.stream().peer_ip(), visit.credentials);
  std::string target = concat(visit.form == Form::kTunnel ? kTunnelRoot : kProxyRoot,
                              visit.address.sandbox_id, '/', visit.address.port);
  if (visit.form != Form::kTunnel && !visit.target.starts_with('/')) target += '/';
  target += visit.target;
  const RewritingFilter filter(rewriter);
  HostUpstream upstream(*place.host, stats_);
  Exchange exchange(visit.request, visit.response, upstream, filter,
                    {std::move(target), std::move(fields)});
  co_return co_await exchange.run();
}

Task<Result<void>> EdgeProxy::answer(net::Request& request, net::ResponseWriter& response,
                                     const Fault& fault, const FaultPlace& place) {
  const bool is_page = wants_page(request.headers());
  net::Headers fields;
  fields.add("Content-Type", is_page ? "text/html; charset=utf-8" : "application/json");
  fields.add("Cache-Control", "no-store");
  fields.add("X-Content-Type-Options", "nosniff");
  if (is_page) {
    fields.add("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
  }
  const std::string request_id = co_await net::current_request_id();
  if (!request_id.empty()) fields.add(base::kRequestIdField, request_id);
  log_fault(fault, place, request_id);
  const std::string body = is_page ? fault_page(fault, place) : fault_json(fault, place);
  co_return co_await response.send(status_of(fault.kind), std::move(fields), body);
}

}  // namespace wrenn::proxy
