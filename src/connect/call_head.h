// CallHead: what a request says about the call it makes, before its messages are looked at. Pure
// and thread-safe; meets hostile bytes and is fuzzed.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "connect/codec.h"
#include "connect/compression.h"
#include "net/http_parser.h"

namespace wrenn::connect {

// Whether a caller must send Connect-Protocol-Version (with GET: connect=v1).
enum class VersionRule { kOptional, kRequired };

struct CallHead {
  Codec codec = Codec::kProto;
  CallKind kind = CallKind::kUnary;
  bool is_get = false;
  Compression received = Compression::kIdentity;  // Of the request's messages.
  Compression reply = Compression::kIdentity;     // The best that the caller takes.
  std::optional<base::Duration> timeout;
  std::string get_message;  // Of a GET: the message, encoded and perhaps compressed.
};

// The answer to a request that cannot be a call of the method, in plain HTTP.
struct Refusal {
  int status = 0;
  base::Error error;
  net::Headers headers;
};

// First: is it a call at all? Sets codec, kind and is_get. Refused are other HTTP methods (405 with
// Allow) and content types (415 with Accept-Post).
std::expected<CallHead, Refusal> match_call(const net::RequestHead& request, CallKind kind,
                                            SideEffects side_effects);
// Then the rest of it. Fails as the call itself: kInvalidArgument, or kUnimplemented for an unknown
// compression; `reply` is set if it could be read.
base::Result<void> read_terms(const net::RequestHead& request, VersionRule rule, CallHead& call);

// The query of a GET call, without '?'. `message` is encoded, and compressed as stated.
std::string make_get_query(Codec codec, Compression compression, std::string_view message);

}  // namespace wrenn::connect
