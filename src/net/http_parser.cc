#include "net/http_parser.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::net {
namespace {

using base::Code;

base::Result<HttpVersion> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return HttpVersion::k11;
  if (text == "HTTP/1.0") return HttpVersion::k10;
  return base::fail(Code::kUnimplemented, "only HTTP/1.1 and HTTP/1.0 are spoken here");
}

bool is_target(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7F;
  });
}

// The first line of `text`, which is taken off; heads end with CRLF, so there is always one.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

bool keeps_alive(HttpVersion version, const Headers& headers) {
  if (headers.has_token("connection", "close")) return false;
  return version == HttpVersion::k11 || headers.has_token("connection", "keep-alive");
}

// What both kinds of message say about their body; nothing when no field speaks of it.
struct Length {
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;
  bool stated = false;
};

base::Result<Length> body_length(HttpVersion version, const Headers& headers) {
  const std::size_t codings = headers.count("transfer-encoding");
  const std::size_t lengths = headers.count("content-length");
  if (codings > 0) {
    if (lengths > 0) {
      return base::fail(Code::kInvalidArgument,
                        "Content-Length and Transfer-Encoding contradict each other");
    }
    if (version == HttpVersion::k10) {
      return base::fail(Code::kInvalidArgument, "HTTP/1.0 has no Transfer-Encoding");
    }
    if (codings > 1 || !base::equal_ignore_case(*headers.find("transfer-encoding"), "chunked")) {
      return base::fail(Code::kUnimplemented, "the only transfer coding known here is chunked");
    }
    return Length{Framing::kChunked, 0, true};
  }
  if (lengths == 0) return Length{};
  const std::string_view text = *headers.find("content-length");
  const auto value = base::parse_int<std::uint64_t>(text);
  if (lengths > 1 || !value || *value > INT64_MAX) {
    return base::fail(Code::kInvalidArgument, "Content-Length is not one decimal number");
  }
  return Length{*value == 0 ? Framing::kNone : Framing::kLength, *value, true};
}

}  // namespace

std::string_view RequestHead::path() const {
  std::string_view view = target;
  // Absolute form (RFC 9112 section 3.2.2): the authority is not part of the path.
  if (const auto scheme = view.find("://"); !view.starts_with('/') && scheme != view.npos) {
    const auto slash = view.find('/', scheme + 3);
    view = slash == view.npos ? std::string_view("/") : view.substr(slash);
  }
  return view.substr(0, view.find('?'));
}

std::string_view RequestHead::query() const {
  const auto mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::optional<std::size_t> find_head_end(std::string_view received, std::size_t& scanned) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const auto at = received.find(kEnd, scanned);
  if (at != std::string_view::npos) return at + kEnd.size();
  scanned = received.size() < kEnd.size() ? 0 : received.size() - (kEnd.size() - 1);
  return std::nullopt;
}

base::Result<void> HeadParser::parse_fields(std::string_view text, const HeadLimits& limits,
                                            Headers& headers) {
  headers.text_.assign(text);
  headers.fields_.reserve(16);
  const char* begin = text.data();
  while (true) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    if (headers.fields_.size() == limits.max_fields) {
      return base::fail(Code::kOutOfRange,
                        base::concat("more than ", limits.max_fields, " header fields"));
    }
    const auto colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || !is_token(name)) {
      return base::fail(Code::kInvalidArgument, "a header line has no valid name");
    }
    const std::string_view value = base::trim(line.substr(colon + 1));
    if (!is_field_value(value)) {
      return base::fail(Code::kInvalidArgument,
                        base::concat("header field ", name, " holds control characters"));
    }
    const char* value_at = value.empty() ? begin : value.data();
    headers.fields_.push_back(
        {static_cast<std::uint32_t>(name.data() - begin), static_cast<std::uint32_t>(name.size()),
         static_cast<std::uint32_t>(value_at - begin), static_cast<std::uint32_t>(value.size())});
  }
  return {};
}

base::Result<RequestHead> HeadParser::parse_request(std::string_view head,
                                                    const HeadLimits& limits) {
  const std::string_view line = take_line(head);
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return base::fail(Code::kInvalidArgument, "the request line is not 'METHOD TARGET HTTP/1.1'");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!is_token(method)) return base::fail(Code::kInvalidArgument, "the method is not a token");
  if (target.size() > limits.max_target) {
    return base::fail(Code::kOutOfRange,
                      base::concat("the address is longer than ", limits.max_target, " bytes"));
  }
  if (!is_target(target)) {
    return base::fail(Code::kInvalidArgument, "the address holds spaces or control characters");
  }
  RequestHead request;
  WRENN_TRY_ASSIGN(request.version, parse_version(line.substr(last + 1)));
  request.method = method;
  request.target = target;
  WRENN_TRY(parse_fields(head, limits, request.headers));
  if (request.headers.count("host") > 1 ||
      (request.version == HttpVersion::k11 && request.headers.count("host") == 0)) {
    return base::fail(Code::kInvalidArgument, "a request needs exactly one Host field");
  }
  WRENN_TRY_ASSIGN(const Length length, body_length(request.version, request.headers));
  request.framing = length.framing;
  request.length = length.length;
  request.keep_alive = keeps_alive(request.version, request.headers);
  return request;
}

base::Result<ResponseHead> HeadParser::parse_response(std::string_view head,
                                                      const HeadLimits& limits,
                                                      std::string_view request_method) {
  constexpr std::size_t kVersionSize = 8;  // "HTTP/1.1"
  const std::string_view line = take_line(head);
  ResponseHead response;
  WRENN_TRY_ASSIGN(response.version, parse_version(line.substr(0, kVersionSize)));
  const std::string_view rest = line.substr(std::min(kVersionSize, line.size()));
  const auto status = rest.size() >= 4 ? base::parse_int<int>(rest.substr(1, 3)) : std::nullopt;
  if (!status || rest[0] != ' ' || *status < 100 || (rest.size() > 4 && rest[4] != ' ')) {
    return base::fail(Code::kInvalidArgument, "the status line is not 'HTTP/1.1 NUMBER REASON'");
  }
  response.status = *status;
  WRENN_TRY(parse_fields(head, limits, response.headers));
  response.keep_alive = keeps_alive(response.version, response.headers);
  WRENN_TRY_ASSIGN(const Length length, body_length(response.version, response.headers));
  const bool bodyless = request_method == "HEAD" || response.status < 200 ||
                        response.status == 204 || response.status == 304;
  if (bodyless) return response;
  response.framing = length.stated ? length.framing : Framing::kUntilClose;
  response.length = length.length;
  if (response.framing == Framing::kUntilClose) response.keep_alive = false;
  return response;
}

base::Result<void> ChunkedDecoder::on_framing_byte(char c) {
  constexpr std::size_t kMaxOverheadPerChunk = 4096;
  constexpr std::size_t kMaxDigits = 15;
  const auto broken = [] {
    return base::fail(Code::kInvalidArgument, "the chunked body is malformed");
  };
  if (++overhead_ > kMaxOverheadPerChunk) {
    return base::fail(Code::kOutOfRange, "a chunk's extensions or the trailers are too long");
  }
  switch (state_) {
    case State::kSize: {
      constexpr std::string_view kHex = "0123456789abcdef";
      const auto digit = kHex.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      if (digit != std::string_view::npos) {
        if (++digits_ > kMaxDigits) return broken();
        left_ = left_ * 16 + digit;
        return {};
      }
      if (digits_ == 0) return broken();
      if (c == '\r') {
        state_ = State::kSizeLf;
      } else if (c == ';') {
        state_ = State::kExtension;
      } else {
        return broken();
      }
      return {};
    }
    case State::kExtension:
      if (c == '\r') state_ = State::kSizeLf;
      return c == '\n' ? broken() : base::Result<void>{};
    case State::kSizeLf:
      if (c != '\n') return broken();
      digits_ = 0;
      line_ = 0;
      overhead_ = left_ == 0 ? overhead_ : 0;
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      return {};
    case State::kDataCr:
      if (c != '\r') return broken();
      state_ = State::kDataLf;
      return {};
    case State::kDataLf:
      if (c != '\n') return broken();
      state_ = State::kSize;
      return {};
    case State::kTrailer:
      if (c == '\r') {
        state_ = State::kTrailerLf;
        return {};
      }
      ++line_;
      trailers_ += c;
      return is_field_value({&c, 1}) ? base::Result<void>{} : broken();
    case State::kTrailerLf:
      if (c != '\n') return broken();
      state_ = line_ == 0 ? State::kDone : State::kTrailer;
      if (line_ > 0) trailers_ += "\r\n";
      line_ = 0;
      return {};
    case State::kData:
    case State::kDone:
      break;
  }
  return broken();
}

base::Result<ChunkedDecoder::Step> ChunkedDecoder::decode(std::string_view input) {
  Step step;
  while (step.consumed < input.size() && state_ != State::kDone) {
    if (state_ == State::kData) {
      const auto rest = input.substr(step.consumed);
      step.data =
          rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
      left_ -= step.data.size();
      step.consumed += step.data.size();
      if (left_ == 0) state_ = State::kDataCr;
      return step;
    }
    WRENN_TRY(on_framing_byte(input[step.consumed]));
    ++step.consumed;
  }
  step.finished = state_ == State::kDone;
  return step;
}

base::Result<Headers> ChunkedDecoder::trailers() const {
  Headers fields;
  if (!trailers_.empty()) WRENN_TRY(HeadParser::parse_fields(trailers_, HeadLimits(), fields));
  return fields;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

}  // namespace wrenn::net
