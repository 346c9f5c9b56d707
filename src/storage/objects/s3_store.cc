#include "storage/objects/s3_store.h"

#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <mutex>
#include <thread>

#include <curl/curl.h>

#include "base/crypto.h"
#include "base/strings.h"
#include "base/time.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr long kConnectTimeoutSec = 5;
// A transfer that is slower for so long is given up.
constexpr long kLowestBytesPerSec = 1024;
constexpr long kSlowSec = 30;
constexpr int kAttempts = 4;
constexpr auto kFirstPause = std::chrono::milliseconds(200);
constexpr std::size_t kMaxAnswer = 8u << 20;  // Of a listing, or an error.

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
}

struct Upload {
  int fd = -1;
  std::uint64_t size = 0;
  std::uint64_t at = 0;
};
struct Download {
  int fd = -1;
  std::uint64_t max = 0;
  std::uint64_t at = 0;
  bool is_too_large = false;
  int error = 0;
};

struct Transfer {
  CURL* curl;
  Download* download;
  const std::stop_token& stop;
  std::string body;
};

// libcurl asks at least once a second.
int on_progress(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(data)->stop.stop_requested() ? 1 : 0;
}

std::size_t on_upload(char* buffer, std::size_t size, std::size_t count, void* data) {
  auto& upload = *static_cast<Upload*>(data);
  const std::size_t most = std::min<std::uint64_t>(size * count, upload.size - upload.at);
  const ssize_t n = ::pread(upload.fd, buffer, most, static_cast<off_t>(upload.at));
  if (n < 0) return CURL_READFUNC_ABORT;
  upload.at += static_cast<std::uint64_t>(n);
  return static_cast<std::size_t>(n);
}

int on_rewind(void* data, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  static_cast<Upload*>(data)->at = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t on_download(char* buffer, std::size_t size, std::size_t count, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  const std::size_t bytes = size * count;
  long status = 0;
  ::curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.download == nullptr || status != 200) {
    if (transfer.body.size() + bytes > kMaxAnswer) return 0;
    transfer.body.append(buffer, bytes);
    return bytes;
  }
  Download& download = *transfer.download;
  if (bytes > download.max - download.at) {
    download.is_too_large = true;
    return 0;
  }
  if (auto written = base::write_all(download.fd, {buffer, bytes}); !written) {
    download.error = errno == 0 ? EIO : errno;
    return 0;
  }
  download.at += bytes;
  return bytes;
}

// The text of the first element of that name.
std::string element(std::string_view xml, std::string_view name) {
  const std::string open = concat("<", name, ">");
  const auto begin = xml.find(open);
  if (begin == std::string_view::npos) return {};
  const auto end = xml.find("</", begin);
  if (end == std::string_view::npos) return {};
  return std::string(xml.substr(begin + open.size(), end - begin - open.size()));
}

base::Error refusal(long status, std::string_view body) {
  const std::string code = element(body, "Code").substr(0, 80);
  const std::string said = code.empty() ? std::string() : concat(" (", code, ")");
  const std::string text = concat("object storage answered with status ", status, said);
  if (status == 404) return {Code::kNotFound, text};
  if (status == 401 || status == 403) {
    return {Code::kPermissionDenied, text, "check bucket, access_key_id and secret_access_key"};
  }
  return {status >= 500 || status == 429 ? Code::kUnavailable : Code::kInternal, text};
}

std::string empty_hash() {
  return base::sha256_hex("");
}

Result<std::string> hash_of(const Upload& upload) {
  crypto_hash_sha256_state state{};
  ::crypto_hash_sha256_init(&state);
  std::string buffer(1 << 20, '\0');
  for (std::uint64_t at = 0; at < upload.size;) {
    const std::size_t most = std::min<std::uint64_t>(buffer.size(), upload.size - at);
    const ssize_t n = ::pread(upload.fd, buffer.data(), most, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot read a file");
    if (n == 0) return base::fail(Code::kDataLoss, "a file is shorter than it was");
    ::crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(buffer.data()),
                                static_cast<unsigned long long>(n));
    at += static_cast<std::uint64_t>(n);
  }
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  ::crypto_hash_sha256_final(&state, reinterpret_cast<unsigned char*>(hash.data()));
  return base::to_hex(hash);
}

}  // namespace

struct S3Store::Request {
  std::string method;
  std::string url;
  Upload* upload = nullptr;
  Download* download = nullptr;
  std::string payload_hash;
};
struct S3Store::Answer {
  long status = 0;
  std::string body;
};

// Kept between requests, with its TCP connection.
class S3Store::Connection {
 public:
  Connection(const ObjectStoreConfig& config, const std::stop_token& stop)
      : config_(config),
        user_(concat(config.access_key_id, ":", config.secret_access_key.reveal())),
        provider_(concat("aws:amz:", config.region, ":s3")),
        stop_(stop) {
    start_curl();
    curl_.reset(::curl_easy_init());
  }

  // One attempt. Whatever is wrong with the way there is kUnavailable.
  Result<Answer> send(const Request& request);

 private:
  using Curl = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;
  using Headers = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;
  template <class T>
  void set(CURLoption option, T value) {
    ::curl_easy_setopt(curl_.get(), option, value);
  }
  void prepare(const Request& request);

  const ObjectStoreConfig& config_;
  const std::string user_;
  const std::string provider_;
  const std::stop_token& stop_;
  Curl curl_{nullptr, ::curl_easy_cleanup};
};

void S3Store::Connection::prepare(const Request& request) {
  ::curl_easy_reset(curl_.get());
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectTimeoutSec);
  set(CURLOPT_LOW_SPEED_LIMIT, kLowestBytesPerSec);
  set(CURLOPT_LOW_SPEED_TIME, kSlowSec);
  set(CURLOPT_AWS_SIGV4, provider_.c_str());
  set(CURLOPT_USERPWD, user_.c_str());
  if (!config_.ca_file.empty()) set(CURLOPT_CAINFO, config_.ca_file.c_str());
  if (request.upload != nullptr) {
    request.upload->at = 0;
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload->size));
    set(CURLOPT_READFUNCTION, on_upload);
    set(CURLOPT_READDATA, request.upload);
    set(CURLOPT_SEEKFUNCTION, on_rewind);
    set(CURLOPT_SEEKDATA, request.upload);
  } else if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

Result<S3Store::Answer> S3Store::Connection::send(const Request& request) {
  if (!curl_) return base::fail(Code::kInternal, "libcurl does not start");
  prepare(request);
  Transfer transfer{curl_.get(), request.download, stop_, {}};
  set(CURLOPT_WRITEFUNCTION, on_download);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, on_progress);
  set(CURLOPT_XFERINFODATA, &transfer);
  const Headers headers(
      ::curl_slist_append(nullptr, concat("x-amz-content-sha256: ", request.payload_hash).c_str()),
      ::curl_slist_free_all);
  ::curl_slist_append(headers.get(), "Expect:");
  set(CURLOPT_HTTPHEADER, headers.get());
  std::array<char, CURL_ERROR_SIZE> message{};
  set(CURLOPT_ERRORBUFFER, message.data());
  const CURLcode code = ::curl_easy_perform(curl_.get());
  if (request.download != nullptr && request.download->is_too_large) {
    return base::fail(Code::kDataLoss, "an object is larger than it may be");
  }
  if (request.download != nullptr && request.download->error != 0) {
    return base::fail_errno(request.download->error, "cannot write what was fetched");
  }
  if (code != CURLE_OK) {
    return base::fail(Code::kUnavailable,
                      concat("object storage does not answer: ",
                             message[0] != '\0' ? message.data() : ::curl_easy_strerror(code)));
  }
  Answer answer{0, std::move(transfer.body)};
  ::curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

S3Store::S3Store(ObjectStoreConfig config, std::stop_token stop)
    : config_(std::move(config)),
      stop_(std::move(stop)),
      connection_(std::make_unique<Connection>(config_, stop_)) {}
S3Store::~S3Store() = default;

Result<S3Store::Answer> S3Store::send(const Request& request) {
  auto pause = kFirstPause;
  for (int attempt = 1;; ++attempt) {
    if (request.download != nullptr) {
      request.download->at = 0;
      if (::ftruncate(request.download->fd, 0) != 0 ||
          ::lseek(request.download->fd, 0, SEEK_SET) != 0) {
        return base::fail_errno(errno, "cannot begin a file anew");
      }
    }
    auto answer = connection_->send(request);
    if (stop_.stop_requested()) return base::fail(Code::kCanceled, "this host's agent is stopping");
    if (answer && answer->status >= 200 && answer->status < 300) return answer;
    base::Error error = answer ? refusal(answer->status, answer->body) : std::move(answer).error();
    if (error.code != Code::kUnavailable || attempt == kAttempts)
      return base::fail(std::move(error));
    std::this_thread::sleep_for(pause);
    pause *= 3;
  }
}

Result<ListedObjects> parse_listing(std::string_view xml) {
  if (xml.find("<ListBucketResult") == std::string_view::npos) {
    return base::fail(Code::kInternal, "object storage does not list its objects");
  }
  ListedObjects listed;
  constexpr std::string_view kOpen = "<Key>";
  for (auto at = xml.find(kOpen); at != std::string_view::npos; at = xml.find(kOpen, at + 1)) {
    listed.keys.push_back(element(xml.substr(at), "Key"));
  }
  listed.next_token = element(xml, "NextContinuationToken");
  return listed;
}

std::string S3Store::url(const std::string& key) const {
  return concat(config_.endpoint, "/", config_.bucket, "/", config_.prefix, key);
}

Result<void> S3Store::put(const std::string& key, int fd, std::uint64_t size) {
  Upload upload{.fd = fd, .size = size};
  WRENN_TRY_ASSIGN(std::string hash, hash_of(upload));
  WRENN_TRY(
      send({.method = "PUT", .url = url(key), .upload = &upload, .payload_hash = std::move(hash)}));
  return {};
}

Result<void> S3Store::get(const std::string& key, int fd, std::uint64_t max) {
  Download download{.fd = fd, .max = max};
  WRENN_TRY(send(
      {.method = "GET", .url = url(key), .download = &download, .payload_hash = empty_hash()}));
  return {};
}

Result<bool> S3Store::exists(const std::string& key) {
  const auto answer = send({.method = "HEAD", .url = url(key), .payload_hash = empty_hash()});
  if (answer) return true;
  if (answer.error().code == Code::kNotFound) return false;
  return base::fail(answer.error());
}

Result<void> S3Store::remove(const std::string& key) {
  const auto answer = send({.method = "DELETE", .url = url(key), .payload_hash = empty_hash()});
  if (answer || answer.error().code == Code::kNotFound) return {};
  return base::fail(answer.error());
}

Result<std::vector<std::string>> S3Store::list(const std::string& prefix) {
  std::vector<std::string> keys;
  std::string token;
  do {
    // In the order of their names: libcurl signs parameters as they stand.
    const std::string query =
        concat(token.empty() ? "" : concat("continuation-token=", base::percent_encode(token), "&"),
               "list-type=2&prefix=", base::percent_encode(config_.prefix + prefix));
    WRENN_TRY_ASSIGN(const Answer answer,
                     send({.method = "GET",
                           .url = concat(config_.endpoint, "/", config_.bucket, "?", query),
                           .payload_hash = empty_hash()}));
    WRENN_TRY_ASSIGN(auto listed, parse_listing(answer.body));
    for (std::string& key : listed.keys) {
      if (key.starts_with(config_.prefix)) keys.push_back(key.substr(config_.prefix.size()));
    }
    if (listed.next_token == token) break;
    token = std::move(listed.next_token);
  } while (!token.empty());
  return keys;
}

}  // namespace wrenn::storage
