#include "connect/call_head.h"

#include "base/strings.h"
#include "connect/base64.h"

namespace wrenn::connect {
namespace {

using base::Code;

// Still percent-encoded. The first parameter of that name.
std::optional<std::string_view> find_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    const std::size_t equals = parameter.find('=');
    if (parameter.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
  }
  return std::nullopt;
}

base::Result<std::string> decode_parameter(std::string_view value, std::string_view name) {
  std::string text(value);
  for (char& c : text) {
    if (c == '+') c = ' ';
  }
  auto decoded = base::percent_decode(text);
  if (decoded) return std::move(*decoded);
  return base::fail(Code::kInvalidArgument,
                    base::concat("the parameter ", name, " has a broken percent escape"));
}

base::Result<std::string> read_get_message(std::string_view query) {
  const auto value = find_parameter(query, "message");
  if (!value) return base::fail(Code::kInvalidArgument, "the parameter message is missing");
  WRENN_TRY_ASSIGN(std::string message, decode_parameter(*value, "message"));
  if (find_parameter(query, "base64") != "1") return message;
  auto bytes = base::from_any_base64(message);
  if (bytes) return std::move(*bytes);
  return base::fail(Code::kInvalidArgument, "the parameter message is not base64");
}

base::Result<void> check_version(const net::RequestHead& request, const CallHead& call,
                                 VersionRule rule) {
  const auto version = call.is_get ? find_parameter(request.query(), "connect")
                                   : request.headers.find("connect-protocol-version");
  const std::string_view expected = call.is_get ? "v1" : "1";
  const std::string_view name =
      call.is_get ? "the parameter connect" : "the header Connect-Protocol-Version";
  if (version ? *version == expected : rule == VersionRule::kOptional) return {};
  return base::fail(Code::kInvalidArgument, base::concat(name, " must be ", expected));
}

base::Result<std::optional<base::Duration>> read_timeout(const net::Headers& headers) {
  const auto text = headers.find("connect-timeout-ms");
  if (!text) return std::nullopt;
  const auto ms = text->size() <= 10 ? base::parse_int<std::uint64_t>(*text) : std::nullopt;
  if (ms) return std::chrono::milliseconds(*ms);
  return base::fail(Code::kInvalidArgument,
                    "Connect-Timeout-Ms must be a number of at most 10 digits");
}

base::Result<Compression> read_compression(const net::RequestHead& request, const CallHead& call) {
  std::string_view name;
  if (call.is_get) {
    name = find_parameter(request.query(), "compression").value_or("");
  } else {
    const bool is_unary = call.kind == CallKind::kUnary;
    name = request.headers.find(is_unary ? "content-encoding" : "connect-content-encoding")
               .value_or("");
  }
  const auto compression = parse_compression(name);
  if (compression) return *compression;
  return base::fail(
      Code::kUnimplemented,
      base::concat("the compression ", name, " is not supported; these are: gzip, identity"));
}

Compression read_accepted(const net::Headers& headers, const CallHead& call) {
  const std::string_view name =
      call.kind == CallKind::kUnary ? "accept-encoding" : "connect-accept-encoding";
  bool is_said = false;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (!base::equal_ignore_case(headers[i].name, name)) continue;
    is_said = true;
    const Compression accepted = choose_compression(headers[i].value);
    if (accepted != Compression::kIdentity) return accepted;
  }
  // Whoever says nothing understands what it sends itself.
  return is_said ? Compression::kIdentity : call.received;
}

Refusal refuse_method(SideEffects side_effects) {
  const std::string_view allowed = side_effects == SideEffects::kNone ? "GET, POST" : "POST";
  return {405,
          {Code::kUnknown, base::concat("this method is called with ", allowed)},
          net::Headers().with("Allow", allowed)};
}

Refusal refuse_type(CallKind kind) {
  const std::string accepted = base::concat(content_type_name({Codec::kJson, kind}), ", ",
                                            content_type_name({Codec::kProto, kind}));
  return {415,
          {Code::kUnknown, base::concat("the Content-Type must be one of ", accepted)},
          net::Headers().with("Accept-Post", accepted)};
}

}  // namespace

std::expected<CallHead, Refusal> match_call(const net::RequestHead& request, CallKind kind,
                                            SideEffects side_effects) {
  CallHead call;
  call.kind = kind;
  if (request.method == "GET" && kind == CallKind::kUnary && side_effects == SideEffects::kNone) {
    const auto codec = parse_codec(find_parameter(request.query(), "encoding").value_or(""));
    if (!codec) {
      return std::unexpected<Refusal>(
          Refusal{415, {Code::kUnknown, "the parameter encoding must be json or proto"}, {}});
    }
    call.is_get = true;
    call.codec = *codec;
    return call;
  }
  if (request.method != "POST") return std::unexpected<Refusal>(refuse_method(side_effects));
  const auto type = parse_content_type(request.headers.find("content-type").value_or(""));
  if (!type || type->kind != kind) return std::unexpected<Refusal>(refuse_type(kind));
  call.codec = type->codec;
  return call;
}

base::Result<void> read_terms(const net::RequestHead& request, VersionRule rule, CallHead& call) {
  const auto received = read_compression(request, call);
  call.received = received.value_or(Compression::kIdentity);
  call.reply = read_accepted(request.headers, call);
  WRENN_TRY(check_version(request, call, rule));
  WRENN_TRY_ASSIGN(call.timeout, read_timeout(request.headers));
  WRENN_TRY(received);
  if (call.is_get) {
    WRENN_TRY_ASSIGN(call.get_message, read_get_message(request.query()));
  }
  return {};
}

std::string make_get_query(Codec codec, Compression compression, std::string_view message) {
  const bool is_text = codec == Codec::kJson && compression == Compression::kIdentity;
  std::string query = "connect=v1";
  if (!is_text) query += "&base64=1";
  if (compression != Compression::kIdentity) {
    query += base::concat("&compression=", compression_name(compression));
  }
  query +=
      base::concat("&encoding=", codec_name(codec),
                   "&message=", is_text ? base::percent_encode(message) : to_url_base64(message));
  return query;
}

}  // namespace wrenn::connect
