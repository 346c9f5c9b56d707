#include "control/api/event_feed.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "control/api/builds.h"
#include "control/api/replies.h"
#include "net/scope.h"

namespace wrenn::control {
namespace {

using base::concat;
using base::Result;
using net::Task;

constexpr auto kPeriod = std::chrono::milliseconds(300);
// Several changes at once are one look.
constexpr auto kGap = std::chrono::milliseconds(50);
constexpr int kPage = 500;
constexpr std::int64_t kMaxEntries = 1000;

EventFeed::Text event_of(std::string_view name, std::string_view json) {
  return std::make_shared<const std::string>(concat("event: ", name, "\ndata: ", json, "\n\n"));
}

EventFeed::Text snapshot_event(std::string_view reference) {
  const std::string_view name = reference.substr(0, reference.find_first_of("@:"));
  return event_of("snapshot", boost::json::serialize(boost::json::object{{"name", name}}));
}

}  // namespace

EventFeed::Listener::Listener(EventFeed& feed, std::string team, Hears hears)
    : feed_(feed), team_(std::move(team)), hears_(hears) {
  feed_.listeners_[team_].insert(this);
  feed_.arrivals_.wake_all();
}

EventFeed::Listener::~Listener() {
  const auto of_team = feed_.listeners_.find(team_);
  of_team->second.erase(this);
  if (of_team->second.empty()) feed_.listeners_.erase(of_team);
}

Task<Result<EventFeed::Text>> EventFeed::Listener::next() {
  while (waiting_.empty() && !is_overrun()) {
    if (co_await readers_.wait() == net::Woken::kStopped)
      co_return base::fail(net::stopped_error());
  }
  if (is_overrun()) {
    co_return base::fail(base::Code::kResourceExhausted, "the reader is too slow");
  }
  Text event = std::move(waiting_.front());
  waiting_.pop_front();
  bytes_ -= event->size();
  co_return event;
}

void EventFeed::Listener::add(const Text& event) {
  if (is_overrun()) return;
  if (waiting_.size() >= kMaxEvents || bytes_ + event->size() > kMaxBytes) {
    waiting_.clear();
    bytes_ = 0;
    overrun_.request_stop();
  } else {
    waiting_.push_back(event);
    bytes_ += event->size();
  }
  readers_.wake_all();
}

Task<void> EventFeed::run() {
  while (true) {
    if (listeners_.empty()) {
      told_.clear();
      if (co_await arrivals_.wait() == net::Woken::kStopped) co_return;
      looked_at_ = clock_();
    }
    wake_.reset();
    const auto looked = co_await look();
    if (!looked && looked.error().code == base::Code::kCanceled) co_return;
    if (!looked && !is_failing_) {
      base::log_warn("what changed cannot be told now; tried again", {{"error", looked.error()}});
    }
    is_failing_ = !looked;
    if (!co_await net::sleep_for(kGap)) co_return;
    const auto woken = co_await net::with_timeout(kPeriod, wake_.wait());
    if (!woken && woken.error().code == base::Code::kCanceled) co_return;
  }
}

Task<Result<void>> EventFeed::look() {
  std::vector<std::string> teams;
  for (const auto& [team, listeners] : listeners_) teams.push_back(team);
  const std::int64_t began = clock_();
  constexpr std::int64_t kOverlapMs = std::chrono::milliseconds(kOverlap).count();
  const std::int64_t since = std::min(began, looked_at_) - kOverlapMs;
  ++looks_;
  WRENN_CO_TRY_ASSIGN(Look found, co_await pool_.run([&] { return read(teams, since); }));
  told_ = std::move(found.told);
  looked_at_ = began;
  for (const Change& change : found.changes) {
    const auto of_team = listeners_.find(change.team);
    if (of_team == listeners_.end()) continue;
    for (Listener* const listener : of_team->second) {
      if (change.hears == Hears::kSandboxes || listener->hears_ == Hears::kTemplatesToo) {
        listener->add(change.event);
      }
    }
  }
  co_return {};
}

Result<EventFeed::Look> EventFeed::read(const std::vector<std::string>& teams,
                                        std::int64_t since) const {
  Look look;
  WRENN_TRY(read_sandboxes(teams, since, look));
  WRENN_TRY(read_templates(teams, since, look));
  return look;
}

bool EventFeed::note(const std::string& id, const std::string& text, Look& look) const {
  const std::size_t hash = std::hash<std::string>()(text);
  look.told[id] = hash;
  const auto before = told_.find(id);
  return before == told_.end() || before->second != hash;
}

Result<void> EventFeed::read_sandboxes(const std::vector<std::string>& teams, std::int64_t since,
                                       Look& look) const {
  db::ChangeCursor after{since, {}};
  while (true) {
    WRENN_TRY_ASSIGN(const auto page, sandboxes_.changed_after(teams, after, kPage));
    for (const db::Sandbox& sandbox : page) {
      // Use alone is no change.
      db::Sandbox unused = sandbox;
      unused.last_active_at.reset();
      if (!note(sandbox.id, sandbox_json(unused), look)) continue;
      look.changes.push_back(
          {sandbox.team_id, Hears::kSandboxes, event_of("sandbox", sandbox_json(sandbox))});
    }
    if (page.size() < kPage) return {};
    after = {page.back().updated_at, page.back().id};
  }
}

Result<void> EventFeed::read_templates(const std::vector<std::string>& teams, std::int64_t since,
                                       Look& look) const {
  WRENN_TRY_ASSIGN(const auto builds, builds_.list_active(teams, since));
  for (const db::Build& build : builds) {
    const std::string text = build_json(build);
    if (!note(build.id, text, look)) continue;
    look.changes.push_back({build.team_id, Hears::kTemplatesToo, event_of("build", text)});
    if (build.status != db::BuildStatus::kReady) continue;
    look.changes.push_back({build.team_id, Hears::kTemplatesToo, snapshot_event(build.name)});
  }
  WRENN_TRY_ASSIGN(const auto entries, audit_.list_done(teams, "snapshot", since, kMaxEntries));
  for (const db::AuditEntry& entry : entries) {
    if (!note(entry.id, entry.action, look)) continue;
    look.changes.push_back(
        {entry.team_id, Hears::kTemplatesToo, snapshot_event(entry.resource_id)});
  }
  return {};
}

}  // namespace wrenn::control
