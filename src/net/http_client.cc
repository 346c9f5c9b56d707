#include "net/http_client.h"

#include <array>

#include "base/request_id.h"
#include "net/scope.h"

namespace wrenn::net {

namespace {

enum class Body { kGiven, kWritten };

std::string make_head(const ClientRequest& request, const std::string& host, Body body) {
  std::string head = base::concat(request.method, ' ', request.target, " HTTP/1.1\r\n");
  if (!request.headers.find("host")) head += base::concat("Host: ", host, "\r\n");
  request.headers.write_to(head);
  if (request.stream != nullptr || body == Body::kWritten) {
    head += request.stream_length ? base::concat("Content-Length: ", *request.stream_length, "\r\n")
                                  : std::string("Transfer-Encoding: chunked\r\n");
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    head += base::concat("Content-Length: ", request.body.size(), "\r\n");
  }
  head += "\r\n";
  return head;
}

// `source_failed`: whose failure it was. A source may fail with kUnavailable too, e.g. the body of
// another request; then there is nothing that the server could answer.
Task<base::Result<void>> send_stream(Stream& stream, ByteSource& source, bool chunked,
                                     bool& source_failed) {
  std::array<char, 64 * 1024> buffer;
  while (true) {
    auto n_read = co_await source.read(buffer);
    if (!n_read) {
      source_failed = true;
      co_return base::fail(std::move(n_read).error());
    }
    if (*n_read == 0) break;
    const std::string_view bytes(buffer.data(), *n_read);
    if (!chunked) {
      WRENN_CO_TRY(co_await stream.write_all(bytes));
      continue;
    }
    std::string size;
    append_chunk_size(size, bytes.size());
    WRENN_CO_TRY(co_await stream.write_all(size, bytes, kChunkEnd));
  }
  if (chunked) co_return co_await stream.write_all(kLastChunk);
  co_return {};
}

Task<base::Result<void>> send_request(Stream& stream, const ClientRequest& request,
                                      const std::string& host, bool& source_failed) {
  const std::string head = make_head(request, host, Body::kGiven);
  if (request.stream == nullptr) co_return co_await stream.write_all(head, request.body);
  WRENN_CO_TRY(co_await stream.write_all(head));
  co_return co_await send_stream(stream, *request.stream, !request.stream_length, source_failed);
}

void add_request_id(const Context& context, Headers& headers) {
  if (context.request_id == nullptr || headers.find(base::kRequestIdField)) return;
  headers.add(base::kRequestIdField, *context.request_id);
}

// Skips interim responses (1xx).
Task<base::Result<ResponseHead>> receive_head(ClientConnection& connection,
                                              const HeadLimits& limits, std::string_view method) {
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::string_view bytes, co_await connection.input.read_head(limits));
    if (bytes.empty()) {
      co_return base::fail(base::Code::kUnavailable, "the server closed the connection");
    }
    auto head = HeadParser::parse_response(bytes, limits, method);
    connection.input.consume(bytes.size());
    if (!head || head->status >= 200 || head->status == 101) co_return head;
  }
}

}  // namespace

ClientResponse::ClientResponse(HttpClient& client, std::unique_ptr<ClientConnection> connection)
    : client_(&client), connection_(std::move(connection)) {}
ClientResponse::ClientResponse(ClientResponse&&) noexcept = default;
ClientResponse::~ClientResponse() = default;

int ClientResponse::status() const {
  return head_.status;
}
const Headers& ClientResponse::headers() const {
  return head_.headers;
}

Task<base::Result<std::size_t>> ClientResponse::read(std::span<char> buffer) {
  if (connection_ == nullptr) co_return std::size_t{0};
  auto n = co_await connection_->body->read(buffer);
  if (n && connection_->body->finished() && *n == 0) {
    client_->pool_.give_back(std::move(connection_));
  }
  co_return n;
}

HttpClient::HttpClient(Endpoint endpoint, HttpClientOptions options)
    : options_(std::move(options)),
      pool_(std::move(endpoint), {.connect_timeout = options_.connect_timeout,
                                  .idle_timeout = options_.idle_timeout,
                                  .max_idle = options_.max_idle,
                                  .netns_fd = options_.netns_fd,
                                  .security = options_.security}) {}
HttpClient::~HttpClient() = default;

Task<base::Result<ClientResponse>> HttpClient::receive(std::unique_ptr<ClientConnection> connection,
                                                       std::string method) {
  WRENN_CO_TRY_ASSIGN(auto head,
                      co_await with_timeout(options_.head_timeout,
                                            receive_head(*connection, options_.head, method)));
  connection->keep_alive = connection->keep_alive && head.keep_alive;
  connection->body.emplace(connection->input, head.framing, head.length, base::Duration::zero());
  ClientResponse response(*this, std::move(connection));
  response.head_ = std::move(head);
  if (response.connection_->body->finished()) pool_.give_back(std::move(response.connection_));
  co_return response;
}

Task<base::Result<ClientResponse>> HttpClient::send(ClientRequest request) {
  add_request_id(co_await current_context(), request.headers);
  while (true) {
    auto connection = pool_.take_idle();
    const bool reused = connection != nullptr;
    if (!reused) {
      WRENN_CO_TRY_ASSIGN(connection, co_await pool_.open());
    }
    bool source_failed = false;
    auto sent = co_await send_request(*connection->stream, request, options_.host, source_failed);
    // A server may answer before it has read everything ("too large"): the answer counts.
    if (!sent && (source_failed || sent.error().code != base::Code::kUnavailable)) {
      co_return base::fail(std::move(sent).error());
    }
    connection->keep_alive = sent.has_value();
    auto response = co_await receive(std::move(connection), request.method);
    if (!response) {
      const bool died = response.error().code == base::Code::kUnavailable;
      if (reused && died && request.stream == nullptr) continue;
      if (!sent) co_return base::fail(std::move(sent).error());
    }
    co_return response;
  }
}

Task<base::Result<ClientUpload>> HttpClient::upload(ClientRequest request) {
  add_request_id(co_await current_context(), request.headers);
  auto connection = pool_.take_idle();
  if (connection == nullptr) {
    WRENN_CO_TRY_ASSIGN(connection, co_await pool_.open());
  }
  std::string head = make_head(request, options_.host, Body::kWritten);
  co_return ClientUpload(*this, std::move(connection), std::move(request.method), std::move(head));
}

ClientUpload::ClientUpload(HttpClient& client, std::unique_ptr<ClientConnection> connection,
                           std::string method, std::string head)
    : client_(&client),
      connection_(std::move(connection)),
      method_(std::move(method)),
      pending_(std::move(head)) {}
ClientUpload::ClientUpload(ClientUpload&&) noexcept = default;
ClientUpload::~ClientUpload() = default;

Task<base::Result<void>> ClientUpload::send(std::string_view bytes, std::string_view end) {
  std::string before = std::exchange(pending_, {});
  if (!bytes.empty()) append_chunk_size(before, bytes.size());
  auto sent = co_await connection_->stream->write_all(before, bytes, end);
  // A write that was cut short cannot be continued.
  if (!sent) cut_ = true;
  co_return sent;
}

Task<base::Result<void>> ClientUpload::write(std::string_view bytes) {
  if (bytes.empty()) co_return {};
  co_return co_await send(bytes, kChunkEnd);
}

Task<base::Result<void>> ClientUpload::flush() {
  co_return co_await send({}, {});
}

Task<base::Result<ClientResponse>> ClientUpload::finish(std::string_view last) {
  base::Result<void> sent;
  if (!cut_) sent = co_await send(last, last.empty() ? kLastChunk : kChunkAndBodyEnd);
  if (!sent && sent.error().code != base::Code::kUnavailable) {
    co_return base::fail(std::move(sent).error());
  }
  connection_->keep_alive = !cut_;
  auto response = co_await client_->receive(std::move(connection_), method_);
  if (!response && !sent) co_return base::fail(std::move(sent).error());
  co_return response;
}

}  // namespace wrenn::net
