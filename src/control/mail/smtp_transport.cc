#include <algorithm>
#include <array>
#include <cstring>

#include <curl/curl.h>

#include "base/strings.h"
#include "control/mail/transport.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr long kConnectTimeoutSec = 10;
constexpr long kTotalTimeoutSec = 60;
constexpr std::size_t kMaxReply = 200;

using Curl = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;
using List = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;

struct Transfer {
  std::string_view unsent;
  std::string reply;  // The last that the server refused something with.
  const std::stop_token& stop;
};

std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* data) {
  auto& unsent = static_cast<Transfer*>(data)->unsent;
  const std::size_t n = std::min(size * count, unsent.size());
  std::memcpy(buffer, unsent.data(), n);
  unsent.remove_prefix(n);
  return n;
}
std::size_t on_reply(char* buffer, std::size_t size, std::size_t count, void* data) {
  const std::string_view line = base::trim({buffer, size * count});
  // Not what it says to QUIT, which comes after.
  const bool is_refusal = line.starts_with('4') || line.starts_with('5');
  if (is_refusal) static_cast<Transfer*>(data)->reply = line.substr(0, kMaxReply);
  return size * count;
}
std::size_t drop(char*, std::size_t size, std::size_t count, void*) {
  return size * count;
}
// libcurl asks at least once a second.
int on_progress(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(data)->stop.stop_requested() ? 1 : 0;
}

// Whether trying again may help when the server has said nothing against it.
bool is_of_the_moment(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_OUT_OF_MEMORY:
      return true;
    default:
      return false;
  }
}

std::string_view remedy_of(CURLcode code) {
  switch (code) {
    case CURLE_LOGIN_DENIED:
      return "check SMTP_USERNAME and SMTP_PASSWORD";
    case CURLE_USE_SSL_FAILED:
      return "the server does not encrypt; SMTP_TLS=none sends in the clear";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return "SMTP_CA_FILE names certificates to trust instead of the system's";
    default:
      return "";
  }
}

class SmtpTransport : public MailTransport {
 public:
  explicit SmtpTransport(MailSettings settings) : settings_(std::move(settings)) {
    ::curl_global_init(CURL_GLOBAL_DEFAULT);
    // Names of users and paths have no place in it.
    const bool is_ipv6 = settings_.host.contains(':');
    url_ = concat(settings_.tls == MailTls::kImplicit ? "smtps://" : "smtp://", is_ipv6 ? "[" : "",
                  settings_.host, is_ipv6 ? "]" : "", ":", settings_.port);
    password_ = settings_.password.reveal();
  }

  Result<std::string> send(const ComposedMail& mail, const std::stop_token& stop) override {
    // One connection a mail: they are few.
    const Curl curl(::curl_easy_init(), ::curl_easy_cleanup);
    const std::string from = concat("<", mail.from, ">");
    const List to(::curl_slist_append(nullptr, concat("<", mail.to, ">").c_str()),
                  ::curl_slist_free_all);
    if (!curl || !to) return base::fail(Code::kUnavailable, "libcurl does not start");
    const auto set = [&curl](CURLoption option, auto value) {
      ::curl_easy_setopt(curl.get(), option, value);
    };
    Transfer transfer{mail.message, {}, stop};
    std::array<char, CURL_ERROR_SIZE> message{};
    set(CURLOPT_ERRORBUFFER, message.data());
    set_server(curl.get());
    set(CURLOPT_MAIL_FROM, from.c_str());
    set(CURLOPT_MAIL_RCPT, to.get());
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, on_read);
    set(CURLOPT_READDATA, &transfer);
    set(CURLOPT_HEADERFUNCTION, on_reply);
    set(CURLOPT_HEADERDATA, &transfer);
    set(CURLOPT_WRITEFUNCTION, drop);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, on_progress);
    set(CURLOPT_XFERINFODATA, &transfer);
    const CURLcode code = ::curl_easy_perform(curl.get());
    if (code == CURLE_OK) return concat(settings_.host, ":", settings_.port);
    // The end is not to wait for a name that nobody answers for.
    if (stop.stop_requested()) set(CURLOPT_QUICK_EXIT, 1L);
    long status = 0;
    ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    const std::string said = message[0] != '\0' ? message.data() : ::curl_easy_strerror(code);
    return base::fail(error_of(code, status, said, transfer.reply));
  }

 private:
  void set_server(CURL* curl) const {
    const auto set = [curl](CURLoption option, auto value) {
      ::curl_easy_setopt(curl, option, value);
    };
    set(CURLOPT_URL, url_.c_str());
    set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT, kConnectTimeoutSec);
    set(CURLOPT_TIMEOUT, kTotalTimeoutSec);
    set(CURLOPT_USE_SSL, settings_.tls == MailTls::kNone ? CURLUSESSL_NONE : CURLUSESSL_ALL);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!settings_.ca_file.empty()) set(CURLOPT_CAINFO, settings_.ca_file.c_str());
    if (settings_.username.empty()) return;
    set(CURLOPT_USERNAME, settings_.username.c_str());
    set(CURLOPT_PASSWORD, password_.c_str());
  }

  static base::Error error_of(CURLcode code, long status, const std::string& said,
                              const std::string& reply) {
    if (code == CURLE_ABORTED_BY_CALLBACK) return {Code::kUnavailable, "it was cut short"};
    // What the server says decides, where it says something: 4xx is for the moment, 5xx for good.
    const bool is_refused = status >= 400 && status < 600;
    const bool may_succeed = is_refused ? status < 500 : is_of_the_moment(code);
    return {may_succeed ? Code::kUnavailable : Code::kFailedPrecondition,
            is_refused && reply.starts_with(concat(status))
                ? concat("the mail server says: ", reply)
                : concat("the mail server cannot be used: ", said),
            std::string(remedy_of(code))};
  }

  const MailSettings settings_;
  std::string url_;
  std::string password_;
};

}  // namespace

std::unique_ptr<MailTransport> smtp_transport(MailSettings settings) {
  return std::make_unique<SmtpTransport>(std::move(settings));
}

}  // namespace wrenn::control
