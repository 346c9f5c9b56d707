#include "net/web_client.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include <curl/curl.h>

#include "base/strings.h"
#include "net/public_address.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::concat;
using base::Result;

using Curl = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;
using List = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;
using Url = std::unique_ptr<CURLU, decltype(&::curl_url_cleanup)>;

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// Empty when there is no such part.
std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (::curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy = text;
  ::curl_free(text);
  return copy;
}

// False as well for a name: only resolving it tells.
bool is_literal_inside(std::string host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  const bool is_public = is_public_address(*found->ai_addr);
  ::freeaddrinfo(found);
  return !is_public;
}

struct Transfer {
  const WebSettings& settings;
  const std::stop_token& stop;
  WebResponse response;
  bool is_cut = false;      // There was more body than is read.
  bool was_inside = false;  // An address was not public.
};

curl_socket_t open_socket(void* data, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(data);
  if (transfer.settings.destinations == Destinations::kPublic &&
      !is_public_address(address->addr)) {
    transfer.was_inside = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t on_header(char* buffer, std::size_t size, std::size_t count, void* data) {
  const std::string_view line(buffer, size * count);
  auto& headers = static_cast<Transfer*>(data)->response.headers;
  if (line.starts_with("HTTP/")) headers = {};  // An interim answer came before.
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = base::trim(line.substr(colon + 1));
  if (is_token(name) && is_field_value(value)) headers.add(name, value);
  return line.size();
}

std::size_t on_body(char* buffer, std::size_t size, std::size_t count, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  std::string& body = transfer.response.body;
  const std::size_t room = transfer.settings.max_body - body.size();
  body.append(buffer, std::min(room, size * count));
  transfer.is_cut = size * count > room;
  return transfer.is_cut ? 0 : size * count;
}

// libcurl asks at least once a second.
int on_progress(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(data)->stop.stop_requested() ? 1 : 0;
}

List header_list(const Headers& headers) {
  List list(nullptr, ::curl_slist_free_all);
  const auto append = [&list](const std::string& line) {
    curl_slist* longer = ::curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) return;
    (void)list.release();
    list.reset(longer);
  };
  append("Expect:");  // It would cost a round trip.
  for (std::size_t i = 0; i < headers.size(); ++i)
    append(concat(headers[i].name, ": ", headers[i].value));
  return list;
}

void prepare(CURL* curl, const WebRequest& request, const curl_slist* headers, Transfer& transfer) {
  const auto set = [curl](CURLoption option, auto value) {
    ::curl_easy_setopt(curl, option, value);
  };
  const WebSettings& settings = transfer.settings;
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR,
      settings.destinations == Destinations::kPublic ? "https" : "http,https");
  set(CURLOPT_PROXY, "");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(settings.timeout.count()));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!settings.ca_file.empty()) set(CURLOPT_CAINFO, settings.ca_file.c_str());
  set(CURLOPT_USERAGENT, "wrenn/" WRENN_VERSION);
  if (!request.body.empty() || request.method != "GET") {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data());
  }
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_OPENSOCKETDATA, &transfer);
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, on_body);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, on_progress);
  set(CURLOPT_XFERINFODATA, &transfer);
}

base::Error error_of(CURLcode code, const Transfer& transfer, std::string_view said) {
  if (transfer.was_inside && code == CURLE_COULDNT_CONNECT)
    return {Code::kPermissionDenied, "it leads to an address that is not public"};
  if (code == CURLE_OPERATION_TIMEDOUT)
    return {Code::kDeadlineExceeded,
            concat("there was no answer within ", transfer.settings.timeout.count(), " ms")};
  if (code == CURLE_ABORTED_BY_CALLBACK) return {Code::kUnavailable, "it was cut short"};
  return {Code::kUnavailable, std::string(said)};
}

}  // namespace

Result<void> check_url(const std::string& url, Destinations destinations) {
  const auto refuse = [](std::string_view why) -> Result<void> {
    return base::fail(Code::kInvalidArgument, std::string(why));
  };
  const Url parsed(::curl_url(), ::curl_url_cleanup);
  if (!parsed) return base::fail(Code::kUnavailable, "libcurl does not start");
  if (::curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) !=
      CURLUE_OK)
    return refuse("it is not a URL; it has the form https://example.com/path");
  const std::string scheme = part_of(parsed.get(), CURLUPART_SCHEME);
  const bool is_public = destinations == Destinations::kPublic;
  if (scheme != "https" && (is_public || scheme != "http"))
    return refuse(is_public ? "the URL must start with https://"
                            : "the URL must start with https:// or http://");
  if (!part_of(parsed.get(), CURLUPART_USER).empty() ||
      !part_of(parsed.get(), CURLUPART_PASSWORD).empty())
    return refuse("the URL must not hold a user or a password");
  if (is_public && is_literal_inside(part_of(parsed.get(), CURLUPART_HOST)))
    return refuse("the URL leads to an address that is not public");
  return {};
}

WebClient::WebClient(WebSettings settings) : settings_(std::move(settings)) {
  start_curl();
}

Result<WebResponse> WebClient::call(const WebRequest& request, const std::stop_token& stop) const {
  WRENN_TRY(check_url(request.url, settings_.destinations));
  const Curl curl(::curl_easy_init(), ::curl_easy_cleanup);
  const List headers = header_list(request.headers);
  if (!curl || !headers) return base::fail(Code::kUnavailable, "libcurl does not start");
  Transfer transfer{settings_, stop, {}, false, false};
  prepare(curl.get(), request, headers.get(), transfer);
  std::array<char, CURL_ERROR_SIZE> message{};
  ::curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, message.data());
  const CURLcode code = ::curl_easy_perform(curl.get());
  if (code != CURLE_OK && !transfer.is_cut) {
    // The end is not to wait for a name that nobody answers for.
    if (stop.stop_requested()) ::curl_easy_setopt(curl.get(), CURLOPT_QUICK_EXIT, 1L);
    const char* said = message[0] != '\0' ? message.data() : ::curl_easy_strerror(code);
    return base::fail(error_of(code, transfer, said));
  }
  long status = 0;
  ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  return std::move(transfer.response);
}

}  // namespace wrenn::net
