#include "agent/control_plane_client.h"

#include <memory>
#include <mutex>

#include <boost/json.hpp>
#include <curl/curl.h>

#include "base/strings.h"
#include "net/signed_request.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr long kConnectTimeoutSec = 5;
constexpr long kTotalTimeoutSec = 15;
constexpr std::size_t kMaxReply = 64 * 1024;

using Curl = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;
using List = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;

std::size_t on_reply(char* buffer, std::size_t size, std::size_t count, void* data) {
  auto& reply = *static_cast<std::string*>(data);
  if (reply.size() + size * count > kMaxReply) return 0;  // Ends the transfer.
  reply.append(buffer, size * count);
  return size * count;
}

bool add(List& list, const std::string& line) {
  curl_slist* longer = ::curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return false;
  (void)list.release();
  list.reset(longer);
  return true;
}

}  // namespace

Result<ControlPlaneClient> ControlPlaneClient::create(std::string url) {
  static std::once_flag once;
  std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
  while (url.ends_with('/')) url.pop_back();
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return base::fail(Code::kInvalidArgument,
                      concat("'", url, "' is no address of a control plane"),
                      "use one like https://wrenn.example.com");
  }
  return ControlPlaneClient(std::move(url));
}

Result<ControlPlaneReply> ControlPlaneClient::post(std::string_view path, std::string_view body,
                                                   std::string_view signature) const {
  const Curl curl(::curl_easy_init(), ::curl_easy_cleanup);
  List headers(nullptr, ::curl_slist_free_all);
  bool is_set = curl != nullptr && add(headers, "Content-Type: application/json") &&
                // Small bodies leave at once.
                add(headers, "Expect:");
  if (!signature.empty()) {
    is_set = is_set && add(headers, concat(net::kSignatureField, ": ", signature));
  }
  if (!is_set) return base::fail(Code::kResourceExhausted, "cannot call the control plane");
  const std::string url = concat(url_, path);
  ControlPlaneReply reply;
  const auto set = [&curl](CURLoption option, auto value) {
    return ::curl_easy_setopt(curl.get(), option, value) == CURLE_OK;
  };
  // Nothing is followed elsewhere: what is sent may be a token.
  is_set = set(CURLOPT_URL, url.c_str()) && set(CURLOPT_PROTOCOLS_STR, "http,https") &&
           set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_HTTPHEADER, headers.get()) &&
           set(CURLOPT_POST, 1L) && set(CURLOPT_POSTFIELDS, body.data()) &&
           set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size())) &&
           set(CURLOPT_WRITEFUNCTION, on_reply) && set(CURLOPT_WRITEDATA, &reply.body) &&
           set(CURLOPT_CONNECTTIMEOUT, kConnectTimeoutSec) &&
           set(CURLOPT_TIMEOUT, kTotalTimeoutSec) && set(CURLOPT_NOSIGNAL, 1L);
  if (!is_set) return base::fail(Code::kInternal, "cannot call the control plane");
  const CURLcode done = ::curl_easy_perform(curl.get());
  if (done != CURLE_OK) {
    return base::fail(
        Code::kUnavailable,
        concat("the control plane at ", url_, " does not answer: ", ::curl_easy_strerror(done)),
        "check --control-plane (WRENN_CP_URL), and that this machine reaches it");
  }
  long status = 0;
  ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  return reply;
}

std::string reply_text(const ControlPlaneReply& reply) {
  namespace json = boost::json;
  boost::system::error_code error;
  const json::value value = json::parse(reply.body, error);
  const json::object* object = error ? nullptr : value.if_object();
  const json::value* inner = object == nullptr ? nullptr : object->if_contains("error");
  const json::object* told = inner == nullptr ? nullptr : inner->if_object();
  const json::value* message = told == nullptr ? nullptr : told->if_contains("message");
  const json::string* text = message == nullptr ? nullptr : message->if_string();
  if (text != nullptr) return std::string(*text);
  return concat("it answered with the status ", reply.status);
}

}  // namespace wrenn::agent
