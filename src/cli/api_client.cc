#include "cli/api_client.h"

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"
#include "net/resolve.h"

namespace wrenn::cli {
namespace {

constexpr std::size_t kMaxReply = 64ull << 20;
constexpr std::size_t kMaxErrorReply = 1ull << 20;

base::Code code_of_status(int status) {
  switch (status) {
    case 400:
      return base::Code::kInvalidArgument;
    case 401:
      return base::Code::kUnauthenticated;
    case 403:
      return base::Code::kPermissionDenied;
    case 404:
      return base::Code::kNotFound;
    case 409:
      return base::Code::kFailedPrecondition;
    case 413:
    case 429:
      return base::Code::kResourceExhausted;
    case 501:
      return base::Code::kUnimplemented;
    case 503:
      return base::Code::kUnavailable;
    case 408:
    case 504:
      return base::Code::kDeadlineExceeded;
    default:
      return base::Code::kUnknown;
  }
}

std::string_view hint_of_status(int status) {
  switch (status) {
    case 401:
      return "check the API key (--api-key, WRENN_API_KEY or the configuration file); on this "
             "machine `sudo wrenn up` sets it right";
    case 413:
      return "`wrenn files cp` streams, and has no such limit";
    case 503:
      return "try again in a moment; `wrenn doctor` says what is missing";
    default:
      return {};
  }
}

}  // namespace

base::Error api_error(int status, std::string_view body) {
  base::Error error(code_of_status(status), base::concat("the API answered with status ", status),
                    std::string(hint_of_status(status)));
  const auto value = parse_json(body);
  const auto* object = value ? value->if_object() : nullptr;
  const auto* field = object != nullptr ? object->if_contains("error") : nullptr;
  const auto* details = field != nullptr ? field->if_object() : nullptr;
  if (details == nullptr) return error;
  if (auto message = string_field(*details, "message"); !message.empty()) {
    error.message = std::move(message);
  }
  for (const char* name : {"remedy", "hint"}) {
    if (auto text = string_field(*details, name); !text.empty()) error.remedy = std::move(text);
  }
  return error;
}

base::Result<std::unique_ptr<ApiClient>> ApiClient::create(const Settings& settings,
                                                           base::Duration patience) {
  WRENN_TRY_ASSIGN(ApiUrl url, ApiUrl::parse(settings.api_url));
  if (!net::is_field_value(settings.api_key.reveal())) {
    return base::fail(base::Code::kInvalidArgument, "the API key has characters no key has",
                      "a key is wrn_ or e2b_ and 32 hexadecimal digits");
  }
  auto endpoint = net::resolve(url.host, url.port);
  if (!endpoint) {
    auto error = std::move(endpoint).error();
    error.remedy = base::concat("check the API address ", settings.api_url);
    return base::fail(std::move(error));
  }
  return std::unique_ptr<ApiClient>(
      new ApiClient(settings, std::move(url), std::move(*endpoint), patience));
}

ApiClient::ApiClient(const Settings& settings, ApiUrl url, net::Endpoint endpoint,
                     base::Duration patience)
    : url_text_(settings.api_url),
      key_(settings.api_key),
      url_(std::move(url)),
      http_(std::move(endpoint), {.head_timeout = patience, .host = url_.authority()}) {}

net::Task<base::Result<net::ClientResponse>> ApiClient::send(net::ClientRequest request) {
  request.target = url_.base_path + request.target;
  request.headers.set("X-API-Key", key_.reveal());
  request.headers.set("User-Agent", "wrenn/" WRENN_VERSION);
  // A kept connection may die under a request, which is then sent twice: fine for reading only.
  if (request.method != "GET") http_.close_idle();
  auto response = co_await http_.send(std::move(request));
  if (!response) co_return base::fail(explain(std::move(response).error()));
  if (response->status() >= 200 && response->status() < 300) co_return response;
  auto body = co_await net::read_all(*response, kMaxErrorReply);
  co_return base::fail(api_error(response->status(), body ? *body : std::string()));
}

net::Task<base::Result<std::string>> ApiClient::call(std::string method, std::string path,
                                                     std::string body) {
  net::ClientRequest request{.method = std::move(method), .target = std::move(path)};
  request.headers.set("Accept", "application/json");
  if (!body.empty()) request.headers.set("Content-Type", "application/json");
  request.body = std::move(body);
  WRENN_CO_TRY_ASSIGN(net::ClientResponse response, co_await send(std::move(request)));
  auto reply = co_await net::read_all(response, kMaxReply);
  if (!reply) co_return base::fail(explain(std::move(reply).error()));
  co_return reply;
}

net::Task<base::Result<std::string>> ApiClient::list(std::string path) {
  constexpr std::size_t kMaxPages = 1000;
  boost::json::array all;
  const std::string joint = path.contains('?') ? "&" : "?";
  std::string target = path;
  for (std::size_t page = 0; page < kMaxPages; ++page) {
    net::ClientRequest request{.method = "GET", .target = target};
    request.headers.set("Accept", "application/json");
    WRENN_CO_TRY_ASSIGN(net::ClientResponse response, co_await send(std::move(request)));
    const std::string cursor(response.headers().find("x-next-cursor").value_or(""));
    auto reply = co_await net::read_all(response, kMaxReply);
    if (!reply) co_return base::fail(explain(std::move(reply).error()));
    if (page == 0 && cursor.empty()) co_return reply;
    auto value = parse_json(*reply);
    if (!value || !value->is_array()) {
      co_return base::fail(base::Code::kInternal,
                           "the API answered with something else than a list");
    }
    for (auto& element : value->get_array()) all.push_back(std::move(element));
    if (cursor.empty()) break;
    target = base::concat(path, joint, "cursor=", base::percent_encode(cursor));
  }
  co_return boost::json::serialize(all);
}

net::Task<base::Result<std::unique_ptr<net::ClientWebSocket>>> ApiClient::open_socket(
    std::string path) {
  // A terminal that does not react is looked after sooner than a server would.
  net::WebSocketRequest request{.target = url_.base_path + path,
                                .host = url_.authority(),
                                .options = {.ping_after = std::chrono::seconds(10),
                                            .give_up_after = std::chrono::seconds(30)}};
  request.headers.set("X-API-Key", key_.reveal());
  request.headers.set("User-Agent", "wrenn/" WRENN_VERSION);
  auto answer = co_await net::connect_websocket(http_.endpoint(), std::move(request));
  if (!answer) co_return base::fail(explain(std::move(answer).error()));
  if (!answer->socket) co_return base::fail(api_error(answer->status, answer->body));
  co_return std::move(answer->socket);
}

base::Error ApiClient::explain(base::Error error) const {
  if (error.code == base::Code::kDeadlineExceeded) {
    error.message = base::concat("the API at ", url_text_, " does not answer");
    error.remedy = "look at it with `wrenn doctor`";
  } else if (error.code == base::Code::kUnavailable) {
    error = std::move(error).with_context(base::concat("no answer from the API at ", url_text_));
    error.remedy = url_.is_loopback() ? "is it running? start it with `sudo wrenn up`"
                                      : "is it running, and is the address right?";
  }
  return error;
}

}  // namespace wrenn::cli
