// Fault: why a proxy could not hand a request on, and how its client is told.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "net/headers.h"

namespace wrenn::proxy {

enum class FaultKind {
  kBadRequest,       // The address makes no sense.
  kForbidden,        // Private, and the request brought nothing that opens it.
  kNotFound,         // Nothing that may be asked for from outside.
  kTooMany,          // One of the sandbox's limits.
  kSandboxNotFound,  // Unknown, or not running.
  kPortClosed,       // The sandbox runs, but nothing answers at that port.
  kNoAnswer,         // The connection ended before a byte of the answer.
  kBadAnswer,        // What came is not HTTP.
  kHostUnreachable,  // The host of the sandbox does not answer.
  kStopped,          // The proxy or the sandbox ends.
  kClientGone,       // Nobody is left to be told.
  kCut,              // The answer broke off in its middle.
};

struct Fault {
  FaultKind kind = FaultKind::kBadRequest;
  std::string message;
};

using Outcome = std::expected<void, Fault>;
inline std::unexpected<Fault> fault(FaultKind kind, std::string message) {
  return std::unexpected(Fault{kind, std::move(message)});
}

// True for the two after which no answer can be given.
bool is_untellable(FaultKind kind);
int status_of(FaultKind kind);

// Between the hops a fault travels in this field, as its wire name and its message: no application
// can set it.
inline constexpr std::string_view kFaultField = "X-Wrenn-Fault";
std::string_view wire_name(FaultKind kind);
// Nothing for a name that is not one.
std::optional<FaultKind> kind_from_wire(std::string_view name);

// Whom it concerns. The sandbox is empty where the request names none; the port 0.
struct FaultPlace {
  std::string_view sandbox_id;
  std::uint16_t port = 0;
};

// {"sandboxId","message","port"?,"code"}, as clients of E2B know it.
std::string fault_json(const Fault& fault, const FaultPlace& place);
// A page for people, without anything from elsewhere.
std::string fault_page(const Fault& fault, const FaultPlace& place);
// For the log, at the level debug: faults are mostly somebody's wrong address. `request_id`: empty
// when nobody gave one.
void log_fault(const Fault& fault, const FaultPlace& place, std::string_view request_id);
// True when the User-Agent is that of a browser.
bool wants_page(const net::Headers& request);

}  // namespace wrenn::proxy
