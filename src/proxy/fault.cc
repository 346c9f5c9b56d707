#include "proxy/fault.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "base/log.h"
#include "base/strings.h"

namespace wrenn::proxy {
namespace {

using base::concat;

struct FaultRow {
  FaultKind kind;
  std::string_view name;
  int status;
  std::string_view title;
  std::string_view advice;
};

constexpr std::array kRows = {
    FaultRow{FaultKind::kBadRequest, "bad-request", 400, "This address makes no sense",
             "Check the address: {port}-{sandbox id} in front of the domain, or "
             "/proxy/{sandbox id}/{port}/ in the path."},
    FaultRow{FaultKind::kForbidden, "forbidden", 403, "This port is private",
             "Ask the owner for a link: 'wrenn sandbox url ID PORT' makes one."},
    FaultRow{FaultKind::kNotFound, "not-found", 404, "Nothing here", ""},
    FaultRow{FaultKind::kTooMany, "too-many", 429, "Too many connections",
             "The sandbox has as many connections as it may have. Try again in a moment."},
    FaultRow{FaultKind::kSandboxNotFound, "sandbox-not-found", 502, "Sandbox not found",
             "It may have ended, or the address may be mistyped. 'wrenn sandbox ls' lists those "
             "that run."},
    FaultRow{FaultKind::kPortClosed, "port-closed", 502, "Nothing listens on this port",
             "The sandbox runs, but no program in it answers here. Start one, then reload."},
    FaultRow{FaultKind::kNoAnswer, "no-answer", 502, "No answer",
             "The program in the sandbox closed the connection without an answer."},
    FaultRow{FaultKind::kBadAnswer, "bad-answer", 502, "Not an HTTP answer",
             "What listens on this port does not speak HTTP. 'wrenn sandbox forward' carries any "
             "protocol."},
    FaultRow{FaultKind::kHostUnreachable, "host-unreachable", 502, "The host does not answer",
             "The machine that runs this sandbox cannot be reached. Try again in a moment."},
    FaultRow{FaultKind::kStopped, "stopped", 503, "The sandbox is just ending",
             "Try again in a moment."},
    FaultRow{FaultKind::kClientGone, "client-gone", 499, "The client left", ""},
    FaultRow{FaultKind::kCut, "cut", 502, "The answer broke off", ""},
};

const FaultRow& row_of(FaultKind kind) {
  return *std::ranges::find(kRows, kind, &FaultRow::kind);
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr std::string_view kPageStyle =
    "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:38rem;"
    "margin:15vh auto 0;padding:0 1.5rem}h1{font-size:1.4rem}code{font-size:.95em}"
    "p.where{opacity:.75}</style>";

}  // namespace

bool is_untellable(FaultKind kind) {
  return kind == FaultKind::kClientGone || kind == FaultKind::kCut;
}

int status_of(FaultKind kind) {
  return row_of(kind).status;
}

std::string_view wire_name(FaultKind kind) {
  return row_of(kind).name;
}

std::optional<FaultKind> kind_from_wire(std::string_view name) {
  const auto found = std::ranges::find(kRows, name, &FaultRow::name);
  if (found == kRows.end()) return std::nullopt;
  return found->kind;
}

std::string fault_json(const Fault& fault, const FaultPlace& place) {
  boost::json::object body;
  if (!place.sandbox_id.empty()) body["sandboxId"] = place.sandbox_id;
  body["message"] = fault.message;
  if (fault.kind == FaultKind::kPortClosed) body["port"] = place.port;
  body["code"] = status_of(fault.kind);
  return concat(boost::json::serialize(body), "\n");
}

std::string fault_page(const Fault& fault, const FaultPlace& place) {
  const FaultRow& row = row_of(fault.kind);
  std::string where;
  if (!place.sandbox_id.empty()) {
    where = concat("<p class=\"where\">Sandbox <code>", escape_html(place.sandbox_id), "</code>");
    if (place.port != 0) where += concat(", port <code>", place.port, "</code>");
    where += "</p>";
  }
  return concat(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>",
      row.title, "</title>", kPageStyle, "</head><body><h1>", row.title, "</h1><p>",
      escape_html(fault.message), "</p><p>", escape_html(row.advice), "</p>", where,
      "</body></html>\n");
}

bool wants_page(const net::Headers& request) {
  constexpr std::array<std::string_view, 6> kBrowsers = {"mozilla", "chrome", "safari",
                                                         "firefox", "edge",   "opera"};
  const auto agent = request.find("user-agent");
  if (!agent) return false;
  const std::string name = base::to_lower(*agent);
  return std::ranges::any_of(kBrowsers, [&](auto browser) { return name.contains(browser); });
}

void log_fault(const Fault& fault, const FaultPlace& place, std::string_view request_id) {
  base::log_debug("a proxied request was not carried", {{"kind", wire_name(fault.kind)},
                                                        {"why", fault.message},
                                                        {"sandbox", place.sandbox_id},
                                                        {"port", place.port},
                                                        {"request", request_id}});
}

}  // namespace wrenn::proxy
