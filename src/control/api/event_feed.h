// EventFeed: what changes in teams, for those who listen to GET /v1/events.
//
// One watcher in each control plane looks at the database three times a second while somebody
// listens, and at once when a request has changed something (wake()); when nobody listens it does
// nothing. Since it is told nothing by those who change rows, other control planes' changes are
// seen in the same way as its own.
//
// A look reads, by an index, the rows of the teams concerned that changed within the last kOverlap,
// and tells those whose JSON is not what was told last. So the time in a row need not be exact: it
// is that of the control plane that wrote it, and it was taken before others could see the row. As
// long as clocks and transactions are late by less than kOverlap, nothing is missed; control planes
// on one database need clocks that agree anyway (db::kHoldMs). Two changes in one millisecond have
// different texts. A counter instead of the time would have all who write wait for one row, and a
// sequence shows its numbers in another order than it gives them out.
//
// What was made of templates is not seen in rows when it is gone, so it is read from the log of
// changes, and from builds that end well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "control/open_sockets.h"
#include "db/audit_store.h"
#include "db/build_store.h"
#include "db/clock.h"
#include "db/sandbox_store.h"
#include "net/blocking.h"
#include "net/sync.h"

namespace wrenn::control {

// For one loop.
class EventFeed {
 public:
  static constexpr std::size_t kMaxStreamsPerTeam = 64;
  static constexpr auto kOverlap = std::chrono::seconds(15);

  // An event as it goes over the wire.
  using Text = std::shared_ptr<const std::string>;
  // What a listener may know of.
  enum class Hears { kSandboxes, kTemplatesToo };

  // Hears what happens in its team from now on, and again what has just happened. The feed outlives
  // it.
  class Listener {
   public:
    // What waits for a slow reader.
    static constexpr std::size_t kMaxEvents = 512;
    static constexpr std::size_t kMaxBytes = 4u << 20;

    Listener(EventFeed& feed, std::string team, Hears hears);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    // The next one. kResourceExhausted once too much has waited, kCanceled when stopped.
    net::Task<base::Result<Text>> next();
    // Fires when too much has waited: whoever is just writing has been too slow.
    net::StopToken overrun() { return overrun_.token(); }
    bool is_overrun() const { return overrun_.stop_requested(); }

   private:
    friend class EventFeed;
    void add(const Text& event);

    EventFeed& feed_;
    const std::string team_;
    const Hears hears_;
    std::deque<Text> waiting_;
    std::size_t bytes_ = 0;
    net::WaitList readers_;
    net::StopSource overrun_;
  };

  // All of them outlive it; the stores are used from the pool.
  EventFeed(db::SandboxStore& sandboxes, db::BuildStore& builds, db::AuditStore& audit,
            net::BlockingPool& pool, db::Clock clock = base::unix_ms_now)
      : sandboxes_(sandboxes),
        builds_(builds),
        audit_(audit),
        pool_(pool),
        clock_(std::move(clock)) {}

  // Watches until it is stopped. One at a time.
  net::Task<void> run();
  // Something may just have changed.
  void wake() { wake_.set(); }
  // The connections that listen.
  OpenSockets& streams() { return streams_; }
  // How often the database was looked at.
  std::uint64_t looks() const { return looks_; }

 private:
  struct Change {
    std::string team;
    Hears hears = Hears::kSandboxes;
    Text event;
  };
  // Of what changed within the overlap: a hash of what was told of it.
  using Told = std::unordered_map<std::string, std::size_t>;
  struct Look {
    std::vector<Change> changes;
    Told told;
  };

  net::Task<base::Result<void>> look();
  // On a pool thread, while `told_` is left alone.
  base::Result<Look> read(const std::vector<std::string>& teams, std::int64_t since) const;
  base::Result<void> read_sandboxes(const std::vector<std::string>& teams, std::int64_t since,
                                    Look& look) const;
  base::Result<void> read_templates(const std::vector<std::string>& teams, std::int64_t since,
                                    Look& look) const;
  // Whether that is news.
  bool note(const std::string& id, const std::string& text, Look& look) const;

  db::SandboxStore& sandboxes_;
  db::BuildStore& builds_;
  db::AuditStore& audit_;
  net::BlockingPool& pool_;
  db::Clock clock_;

  OpenSockets streams_{kMaxStreamsPerTeam};
  std::map<std::string, std::set<Listener*>> listeners_;  // By team.
  net::WaitList arrivals_;
  net::Event wake_;
  Told told_;
  std::int64_t looked_at_ = 0;  // When the last look that succeeded began.
  std::uint64_t looks_ = 0;
  bool is_failing_ = false;
};

}  // namespace wrenn::control
