#include "db/sandbox_store.h"

#include <atomic>
#include <latch>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base/id.h"
#include "base/strings.h"
#include "db/host_store.h"
#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;
using enum SandboxState;

class SandboxStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    Host host;
    host.id = "host-a";
    ASSERT_TRUE(HostStore(test_.database, test_.clock()).upsert(host));
    ASSERT_TRUE(test_.database.write().execute(
        "INSERT INTO teams (id, name, created_at) VALUES ('team-other', 'Other', 0)"));
  }
  Sandbox sandbox(const std::string& id, std::string_view team = kDefaultTeam) {
    Sandbox s;
    s.id = id;
    s.team_id = team;
    s.host_id = "host-a";
    s.template_name = "minimal";
    s.disk_mb = 5120;
    s.timeout_sec = 300;
    s.metadata = {{"key", "a \"value\" \u00fc"}};
    return s;
  }
  void add(const std::string& id, std::string_view team = kDefaultTeam) {
    ASSERT_TRUE(store_.insert(sandbox(id, team)));
    ++test_.now;
  }
  Sandbox get(const std::string& id) { return store_.get(kDefaultTeam, id).value(); }
  static std::string ids(const std::vector<Sandbox>& sandboxes) {
    std::string out;
    for (const auto& s : sandboxes) out += s.id + " ";
    return out;
  }
  TestDatabase test_;
  SandboxStore store_{test_.database, test_.clock()};
};

TEST_F(SandboxStoreTest, InsertAndGet) {
  const auto stored = store_.insert(sandbox("cl-a")).value();
  EXPECT_EQ(stored.created_at, test_.now);
  EXPECT_EQ(stored.updated_at, test_.now);
  const auto read = get("cl-a");
  EXPECT_EQ(read.status, kPending);
  EXPECT_EQ(read.metadata, sandbox("cl-a").metadata);
  EXPECT_EQ(read.host_id, "host-a");
  EXPECT_EQ(read.disk_mb, 5120);
  EXPECT_EQ(read.started_at, std::nullopt);
  EXPECT_EQ(store_.get_any_team("cl-a").value().id, "cl-a");
}

TEST_F(SandboxStoreTest, WhatChangedIsListedPageByPage) {
  add("cl-a");
  add("cl-b", "team-other");
  const std::int64_t since = test_.now;
  ASSERT_TRUE(store_.insert(sandbox("cl-d")));
  ASSERT_TRUE(store_.insert(sandbox("cl-c")));  // In the same millisecond.
  ++test_.now;
  ASSERT_TRUE(store_.transition("cl-a", {kPending}, kRunning));
  const auto changed = [&](const std::vector<std::string>& teams, const ChangeCursor& after,
                           int limit) {
    return ids(store_.changed_after(teams, after, limit).value());
  };
  const std::string own(kDefaultTeam);
  EXPECT_EQ(changed({own}, {since, {}}, 10), "cl-c cl-d cl-a ");
  EXPECT_EQ(changed({own}, {since, {}}, 1), "cl-c ");
  EXPECT_EQ(changed({own}, {since, "cl-c"}, 10), "cl-d cl-a ");
  EXPECT_EQ(changed({own, "team-other"}, {0, {}}, 10), "cl-b cl-c cl-d cl-a ");
  EXPECT_EQ(changed({"team-other"}, {since, {}}, 10), "");
  EXPECT_EQ(changed({}, {0, {}}, 10), "");
  // Being used is no change.
  test_.now += 5000;
  ASSERT_TRUE(store_.touch_active("cl-a").value());
  EXPECT_EQ(changed({own}, {since + 2, {}}, 10), "");
}

TEST_F(SandboxStoreTest, TheSourceIsKeptAndFound) {
  Sandbox fork = sandbox("cl-b");
  fork.source.sandbox_id = "cl-a";
  Sandbox made = sandbox("cl-c");
  made.source = {.sandbox_id = {}, .template_name = "mine", .version = 3};
  ASSERT_TRUE(store_.insert(fork));
  EXPECT_EQ(store_.insert(made).value().source.template_name, "mine");
  EXPECT_EQ(get("cl-b").source.sandbox_id, "cl-a");
  EXPECT_EQ(get("cl-c").source.version, 3);
  EXPECT_EQ(ids(store_.list(kDefaultTeam, {.parent = "cl-a"}).value()), "cl-b ");
  EXPECT_EQ(ids(store_.list(kDefaultTeam, {.parent = "cl-b"}).value()), "");
}

TEST_F(SandboxStoreTest, InsertRefusesWhatCannotBe) {
  add("cl-a");
  EXPECT_EQ(store_.insert(sandbox("cl-a")).error().code, Code::kAlreadyExists);
  EXPECT_EQ(store_.insert(sandbox("cl-b", "team-none")).error().code, Code::kNotFound);
  auto unknown_host = sandbox("cl-b");
  unknown_host.host_id = "host-none";
  EXPECT_EQ(store_.insert(unknown_host).error().code, Code::kFailedPrecondition);
  auto bad = sandbox("cl-b");
  bad.metadata["k"] = "\xff";
  EXPECT_EQ(store_.insert(bad).error().code, Code::kInvalidArgument);
}

TEST_F(SandboxStoreTest, AnotherTeamsSandboxIsNotFound) {
  add("cl-a", "team-other");
  EXPECT_EQ(store_.get(kDefaultTeam, "cl-a").error().code, Code::kNotFound);
  EXPECT_EQ(store_.get(kDefaultTeam, "cl-none").error().code, Code::kNotFound);
  EXPECT_TRUE(store_.list(kDefaultTeam).value().empty());
}

TEST_F(SandboxStoreTest, TransitionsSetTheTimes) {
  add("cl-a");
  EXPECT_TRUE(store_.transition("cl-a", {kPending}, kStarting).value());
  const auto started = ++test_.now;
  SandboxChanges changes;
  changes.host_ip = "10.11.0.2";
  changes.metadata.emplace();
  changes.metadata->emplace("kernel_version", "6.1.170");
  EXPECT_TRUE(store_.transition("cl-a", {kPending, kStarting}, kRunning, changes).value());
  auto read = get("cl-a");
  EXPECT_EQ(read.status, kRunning);
  EXPECT_EQ(read.started_at, started);
  EXPECT_EQ(read.last_active_at, started);
  EXPECT_EQ(read.host_ip, "10.11.0.2");
  EXPECT_EQ(read.metadata, *changes.metadata);

  test_.now += 1000;
  EXPECT_TRUE(store_.transition("cl-a", {kRunning}, kMissing).value());
  EXPECT_TRUE(store_.transition("cl-a", {kMissing}, kRunning).value());
  read = get("cl-a");
  EXPECT_EQ(read.started_at, started) << "the first time stays";
  EXPECT_EQ(read.last_active_at, test_.now);
  EXPECT_EQ(read.host_ip, "10.11.0.2") << "what is not given stays";

  SandboxChanges failure;
  failure.error_message = "boom";
  EXPECT_TRUE(store_.transition("cl-a", {kRunning, kRunning}, kError, failure).value());
  read = get("cl-a");
  EXPECT_EQ(read.error_message, "boom");
  EXPECT_EQ(read.stopped_at, test_.now);
  EXPECT_EQ(read.updated_at, test_.now);
}

TEST_F(SandboxStoreTest, AnotherStateIsLeftAlone) {
  add("cl-a");
  EXPECT_FALSE(store_.transition("cl-a", {kRunning}, kPausing).value());
  EXPECT_EQ(get("cl-a").status, kPending);
  EXPECT_EQ(get("cl-a").updated_at, get("cl-a").created_at);
  EXPECT_FALSE(store_.transition("cl-none", {kPending}, kStarting).value());
}

TEST_F(SandboxStoreTest, ForbiddenTransitionsAreRefused) {
  add("cl-a");
  EXPECT_EQ(store_.transition("cl-a", {kStopped}, kRunning).error().code, Code::kInvalidArgument);
  EXPECT_EQ(store_.transition("cl-a", {kPending, kPaused}, kRunning).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(store_.transition("cl-a", {}, kRunning).error().code, Code::kInvalidArgument);
  EXPECT_EQ(get("cl-a").status, kPending);
}

TEST_F(SandboxStoreTest, OfTwoRacingThreadsExactlyOneWins) {
  constexpr int kRounds = 30;
  for (int round = 0; round < kRounds; ++round) {
    const std::string id = base::concat("cl-", round);
    add(id);
    ASSERT_TRUE(store_.transition(id, {kPending}, kRunning).value());
    // A second process in miniature: a database of its own on the same file.
    Database other = test_.reopen();
    SandboxStore other_store(other, test_.clock());
    std::latch start(2);
    std::atomic<int> wins = 0;
    const auto race = [&](SandboxStore& store, SandboxState to) {
      start.arrive_and_wait();
      const auto won = store.transition(id, {kRunning}, to);
      ASSERT_TRUE(won) << won.error().to_string();
      wins += *won ? 1 : 0;
    };
    std::thread a([&] { race(store_, kPausing); });
    std::thread b([&] { race(round % 2 == 0 ? store_ : other_store, kStopped); });
    a.join();
    b.join();
    EXPECT_EQ(wins, 1);
  }
}

TEST_F(SandboxStoreTest, ListIsNewestFirstWithoutWhatIsOver) {
  for (const char* id : {"cl-a", "cl-b", "cl-c", "cl-d"}) add(id);
  ASSERT_TRUE(store_.transition("cl-b", {kPending}, kStopped).value());
  ASSERT_TRUE(store_.transition("cl-d", {kPending}, kError).value());
  EXPECT_EQ(ids(store_.list(kDefaultTeam).value()), "cl-c cl-a ");
  SandboxQuery all;
  all.states.assign(kAllSandboxStates.begin(), kAllSandboxStates.end());
  EXPECT_EQ(ids(store_.list(kDefaultTeam, all).value()), "cl-d cl-c cl-b cl-a ");
}

TEST_F(SandboxStoreTest, PagesMissNothingEvenAtTheSameMillisecond) {
  for (const char* id : {"cl-a", "cl-b", "cl-c", "cl-d", "cl-e"}) {
    ASSERT_TRUE(store_.insert(sandbox(id)));  // The clock stands still.
  }
  SandboxQuery page;
  page.limit = 2;
  std::string seen;
  for (int i = 0; i < 4; ++i) {
    const auto part = store_.list(kDefaultTeam, page).value();
    if (part.empty()) break;
    EXPECT_LE(part.size(), 2u);
    seen += ids(part);
    page.before_created_at = part.back().created_at;
    page.before_id = part.back().id;
  }
  EXPECT_EQ(seen, "cl-e cl-d cl-c cl-b cl-a ");
}

TEST_F(SandboxStoreTest, ListingsAreRestricted) {
  for (const char* id : {"cl-a", "cl-b", "cl-c", "cl-d"}) add(id);
  ASSERT_TRUE(store_.transition("cl-b", {kPending}, kStopped).value());
  ASSERT_TRUE(store_.transition("cl-c", {kPending}, kRunning).value());
  EXPECT_EQ(ids(store_.list(kDefaultTeam, {.states = {kStopped, kRunning}}).value()), "cl-c cl-b ");
  EXPECT_EQ(ids(store_.list(kDefaultTeam, {.template_name = "minimal"}).value()),
            "cl-d cl-c cl-a ");
  EXPECT_TRUE(store_.list(kDefaultTeam, {.template_name = "other"}).value().empty());
}

TEST_F(SandboxStoreTest, LabelsFindSandboxes) {
  Sandbox made = sandbox("cl-a");
  made.labels = {{"user", "ann"}, {"run", "7"}};
  EXPECT_EQ(store_.insert(made).value().labels, made.labels);
  made.id = "cl-b";
  made.labels = {{"user", "ann"}};
  ASSERT_TRUE(store_.insert(made));
  add("cl-c");
  const auto found = [this](std::map<std::string, std::string> labels) {
    return ids(store_.list(kDefaultTeam, {.labels = std::move(labels)}).value());
  };
  EXPECT_EQ(found({{"user", "ann"}}), "cl-b cl-a ");
  EXPECT_EQ(found({{"user", "ann"}, {"run", "7"}}), "cl-a ");
  EXPECT_EQ(found({{"user", "bob"}}), "");

  const auto changed =
      store_.change_labels(kDefaultTeam, "cl-a", {{"user", std::nullopt}, {"run", "8"}});
  ASSERT_TRUE(changed) << changed.error().to_string();
  EXPECT_EQ(changed->labels, (std::map<std::string, std::string>{{"run", "8"}}));
  EXPECT_EQ(get("cl-a").labels, changed->labels);
  EXPECT_EQ(found({{"user", "ann"}}), "cl-b ");
  EXPECT_EQ(found({{"run", "8"}}), "cl-a ");
  EXPECT_EQ(store_.change_labels("team-other", "cl-a", {}).error().code, Code::kNotFound);
  LabelChanges many;
  for (std::size_t i = 0; i <= kMaxLabels; ++i) many[base::concat("n", i)] = "v";
  EXPECT_EQ(store_.change_labels(kDefaultTeam, "cl-a", many).error().code, Code::kInvalidArgument);
  EXPECT_EQ(get("cl-a").labels.size(), 1u) << "all or nothing";
}

TEST_F(SandboxStoreTest, ListByHostIsForEveryTeam) {
  add("cl-a");
  add("cl-b", "team-other");
  add("cl-c");
  ASSERT_TRUE(store_.transition("cl-c", {kPending}, kStopped).value());
  EXPECT_EQ(ids(store_.list_by_host("host-a").value()), "cl-a cl-b ");
  EXPECT_TRUE(store_.list_by_host("host-none").value().empty());
}

TEST_F(SandboxStoreTest, TouchingCountsOnlyWhileRunningAndIsThrottled) {
  add("cl-a");
  EXPECT_FALSE(store_.touch_active("cl-a").value());
  ASSERT_TRUE(store_.transition("cl-a", {kPending}, kRunning).value());
  const auto first = test_.now;
  test_.now += 999;
  EXPECT_TRUE(store_.touch_active("cl-a").value());
  EXPECT_EQ(get("cl-a").last_active_at, first);
  test_.now += 1;
  EXPECT_TRUE(store_.touch_active("cl-a").value());
  EXPECT_EQ(get("cl-a").last_active_at, test_.now);
  EXPECT_FALSE(store_.touch_active("cl-none").value());
}

TEST_F(SandboxStoreTest, ALifecycleChangesUntilTheEnd) {
  add("cl-a");
  const LifecycleSettings settings{
      .timeout_sec = 60, .max_lifetime_sec = 3600, .end_at = 5000, .on_timeout = "kill"};
  EXPECT_TRUE(store_.set_lifecycle("cl-a", settings).value());
  const auto changed = store_.get_any_team("cl-a");
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->timeout_sec, 60);
  EXPECT_EQ(changed->max_lifetime_sec, 3600);
  EXPECT_EQ(changed->end_at, 5000);
  EXPECT_EQ(changed->on_timeout, "kill");
  ASSERT_TRUE(store_.transition("cl-a", {kPending}, kStopped).value());
  EXPECT_FALSE(store_.set_lifecycle("cl-a", settings).value());
}

TEST_F(SandboxStoreTest, ANetworkIsReplacedByWhoKnowsIt) {
  add("cl-a");
  EXPECT_EQ(get("cl-a").network, NetworkPolicy());
  const NetworkPolicy one{
      .allow_internet_access = false, .allow_out = {"8.8.8.8", "9.0.0.0/8"}, .deny_out = {}};
  const NetworkPolicy two{.allow_out = {}, .deny_out = {"8.8.8.8"}};
  EXPECT_TRUE(store_.set_network("cl-a", {}, one).value());
  EXPECT_EQ(get("cl-a").network, one);
  EXPECT_FALSE(store_.set_network("cl-a", {}, two).value()) << "somebody was quicker";
  EXPECT_TRUE(store_.set_network("cl-a", one, two).value());
  EXPECT_TRUE(store_.set_network("cl-a", two, {}).value());
  EXPECT_EQ(get("cl-a").network, NetworkPolicy());
  ASSERT_TRUE(store_.transition("cl-a", {kPending}, kStopped).value());
  EXPECT_FALSE(store_.set_network("cl-a", {}, one).value());
}

TEST_F(SandboxStoreTest, WhatIsSaidOfAPauseGoesWithIt) {
  add("cl-a");
  ASSERT_TRUE(store_.transition("cl-a", {kPending}, kRunning).value());
  ASSERT_TRUE(
      store_
          .transition("cl-a", {kRunning}, kPaused, {.pause_mode = "memory", .pause_reason = "idle"})
          .value());
  const auto paused = store_.get_any_team("cl-a");
  ASSERT_TRUE(paused);
  EXPECT_EQ(paused->pause_mode, "memory");
  ASSERT_TRUE(store_.transition("cl-a", {kPaused}, kMissing).value());
  EXPECT_EQ(get("cl-a").pause_mode, "memory") << "that it was paused is not forgotten";
  EXPECT_EQ(get("cl-a").paused_at, paused->paused_at);
  ASSERT_TRUE(store_.transition("cl-a", {kMissing}, kPaused, {.pause_mode = "memory"}).value());
  EXPECT_EQ(paused->pause_reason, "idle");
  EXPECT_TRUE(paused->paused_at.has_value());
  ASSERT_TRUE(store_.transition("cl-a", {kPaused}, kResuming).value());
  ASSERT_TRUE(store_.transition("cl-a", {kResuming}, kRunning).value());
  const auto running = store_.get_any_team("cl-a");
  ASSERT_TRUE(running);
  EXPECT_EQ(running->pause_mode, "");
  EXPECT_EQ(running->pause_reason, "");
  EXPECT_FALSE(running->paused_at.has_value());
}

TEST_F(SandboxStoreTest, AHalfWrittenArchiveIsToBeRemoved) {
  add("cl-a");
  EXPECT_TRUE(store_.transition("cl-a", {kPending}, kRunning).value());
  EXPECT_TRUE(store_.transition("cl-a", {kRunning}, kPaused, {.pause_mode = "memory"}).value());
  EXPECT_TRUE(store_.transition("cl-a", {kPaused}, kHibernating).value());
  EXPECT_TRUE(store_.transition("cl-a", {kHibernating}, kPaused, {.pause_mode = "memory"}).value());
  EXPECT_EQ(get("cl-a").archive, Archive::kStale);
}

TEST_F(SandboxStoreTest, AHibernatedOneKnowsItsPauseAndItsArchive) {
  add("cl-a");
  EXPECT_TRUE(store_.transition("cl-a", {kPending}, kRunning).value());
  EXPECT_TRUE(
      store_
          .transition("cl-a", {kRunning}, kPaused, {.pause_mode = "memory", .pause_reason = "idle"})
          .value());
  const auto paused_at = test_.now++;
  EXPECT_TRUE(store_.transition("cl-a", {kPaused}, kHibernating).value());
  EXPECT_EQ(get("cl-a").archive, Archive::kNone);
  EXPECT_EQ(get("cl-a").pause_mode, "memory");
  EXPECT_TRUE(
      store_.transition("cl-a", {kHibernating}, kHibernated, {.archive_bytes = 4711}).value());
  auto read = get("cl-a");
  EXPECT_EQ(read.archive, Archive::kCurrent);
  EXPECT_EQ(read.archive_bytes, 4711);
  EXPECT_EQ(read.pause_mode, "memory");
  EXPECT_EQ(read.pause_reason, "idle");
  EXPECT_EQ(read.paused_at, paused_at);
  EXPECT_FALSE(store_.forget_archive("cl-a").value()) << "it is all there is";

  EXPECT_TRUE(store_.transition("cl-a", {kHibernated}, kResuming).value());
  EXPECT_EQ(get("cl-a").archive, Archive::kCurrent);
  EXPECT_TRUE(
      store_.transition("cl-a", {kResuming}, kHibernated, {.pause_mode = "memory"}).value());
  EXPECT_EQ(get("cl-a").pause_mode, "memory");
  EXPECT_TRUE(store_.transition("cl-a", {kHibernated}, kResuming).value());
  EXPECT_TRUE(store_.transition("cl-a", {kResuming}, kRunning).value());
  EXPECT_EQ(get("cl-a").archive, Archive::kStale);
  EXPECT_EQ(get("cl-a").pause_mode, "");
  EXPECT_EQ(store_.stale_archives("host-a").value(), std::vector<std::string>{"cl-a"});
  EXPECT_TRUE(store_.stale_archives("host-b").value().empty());
  EXPECT_TRUE(store_.forget_archive("cl-a").value());
  EXPECT_EQ(get("cl-a").archive, Archive::kNone);
  EXPECT_EQ(get("cl-a").archive_bytes, 0);
}

TEST_F(SandboxStoreTest, WhatIsLeftInStorageOfADestroyedOneIsStale) {
  for (const std::string id : {"cl-a", "cl-b", "cl-c"}) {
    add(id);
    EXPECT_TRUE(store_.transition(id, {kPending}, kRunning).value());
    EXPECT_TRUE(store_.transition(id, {kRunning}, kPaused).value());
  }
  EXPECT_TRUE(store_.transition("cl-a", {kPaused}, kHibernating).value());
  EXPECT_TRUE(store_.transition("cl-b", {kPaused}, kHibernating).value());
  EXPECT_TRUE(store_.transition("cl-b", {kHibernating}, kHibernated).value());
  EXPECT_TRUE(store_.stale_archives("host-a").value().empty());
  EXPECT_TRUE(store_.transition("cl-a", {kHibernating}, kStopped).value());
  EXPECT_TRUE(store_.transition("cl-b", {kHibernated}, kStopped).value());
  EXPECT_TRUE(store_.transition("cl-c", {kPaused}, kStopped).value());
  EXPECT_EQ(store_.stale_archives("host-a").value(), (std::vector<std::string>{"cl-a", "cl-b"}));
}

TEST_F(SandboxStoreTest, MovesToAnotherHostInOneStateOnly) {
  Host other;
  other.id = "host-b";
  other.name = "another";
  ASSERT_TRUE(HostStore(test_.database, test_.clock()).upsert(other));
  add("cl-a");
  EXPECT_EQ(store_.move_to_host("cl-a", kStarting, {"host-b"})->outcome, Placing::kNotWanted);
  EXPECT_EQ(get("cl-a").host_id, "host-a");
  EXPECT_EQ(store_.move_to_host("cl-a", kPending, {"host-none", "host-b"})->host_id, "host-b");
  EXPECT_EQ(get("cl-a").host_id, "host-b");
}

TEST_F(SandboxStoreTest, CountsByStateOfAllTeams) {
  add("cl-a");
  add("cl-b", "team-other");
  add("cl-c");
  add("cl-d");
  EXPECT_TRUE(store_.transition("cl-c", {kPending}, kStopped).value());
  EXPECT_TRUE(store_.transition("cl-d", {kPending}, kStarting).value());
  auto counts = store_.count_by_state().value();
  EXPECT_EQ(counts[kPending], 2);
  EXPECT_EQ(counts[kStarting], 1);
  EXPECT_EQ(counts[kRunning], 0);
  EXPECT_FALSE(counts.contains(kStopped));
  EXPECT_FALSE(counts.contains(kError));
}

// Two control planes on one database.
class HeldSandboxStoreTest : public SandboxStoreTest {
 protected:
  bool change(SandboxStore& by, SandboxState from, SandboxState to) {
    return by.transition("cl-a", {from}, to).value();
  }
  bool is_held_for(const SandboxStore& store) {
    return get("cl-a").is_held_by_another(store.holder(), test_.now);
  }
  SandboxStore one_{test_.database, test_.clock(), "cp-1"};
  SandboxStore two_{test_.database, test_.clock(), "cp-2"};
};

TEST_F(HeldSandboxStoreTest, WhoChangesOneHoldsItUntilItIsDone) {
  ASSERT_TRUE(one_.insert(sandbox("cl-a")));
  EXPECT_TRUE(is_held_for(two_));
  EXPECT_FALSE(is_held_for(one_));
  EXPECT_TRUE(change(one_, kPending, kStarting));
  EXPECT_TRUE(is_held_for(two_));
  EXPECT_TRUE(change(one_, kStarting, kRunning));
  EXPECT_FALSE(is_held_for(two_));
  EXPECT_TRUE(change(two_, kRunning, kPausing));
  EXPECT_TRUE(is_held_for(one_));
  EXPECT_TRUE(change(two_, kPausing, kPaused));
  EXPECT_FALSE(is_held_for(one_));
  EXPECT_EQ(one_.begin_resume("cl-a", kPaused, {"host-a"})->outcome, Placing::kDone);
  EXPECT_TRUE(is_held_for(two_));
}

TEST_F(HeldSandboxStoreTest, AHoldEndsWithItsHolder) {
  ASSERT_TRUE(one_.insert(sandbox("cl-a")));
  test_.now += kHoldMs - 1;
  EXPECT_TRUE(is_held_for(two_));
  ASSERT_TRUE(one_.extend_holds());
  ASSERT_TRUE(two_.extend_holds());
  test_.now += kHoldMs - 1;
  EXPECT_TRUE(is_held_for(two_));
  test_.now += 1;
  EXPECT_FALSE(is_held_for(two_)) << "nothing was heard of it for too long";
  ASSERT_TRUE(one_.extend_holds());
  EXPECT_TRUE(is_held_for(two_));
  ASSERT_TRUE(two_.end_holds());
  EXPECT_TRUE(is_held_for(two_)) << "those of others stay";
  ASSERT_TRUE(one_.end_holds());
  EXPECT_FALSE(is_held_for(two_));
}

TEST_F(HeldSandboxStoreTest, NobodyWritesAnArchiveThatAnotherRemoves) {
  ASSERT_TRUE(one_.insert(sandbox("cl-a")));
  for (const auto& [from, to] : {std::pair(kPending, kRunning), std::pair(kRunning, kPausing),
                                 std::pair(kPausing, kPaused)}) {
    ASSERT_TRUE(change(one_, from, to));
  }
  EXPECT_TRUE(one_.hold("cl-a").value());
  EXPECT_TRUE(one_.hold("cl-a").value());
  EXPECT_FALSE(two_.hold("cl-a").value());
  EXPECT_FALSE(change(two_, kPaused, kHibernating));
  ASSERT_TRUE(two_.let_go("cl-a"));
  EXPECT_FALSE(change(two_, kPaused, kHibernating)) << "it is not its own to let go";
  ASSERT_TRUE(one_.let_go("cl-a"));
  EXPECT_TRUE(change(two_, kPaused, kHibernating));
}

TEST_F(HeldSandboxStoreTest, AnOnlyControlPlaneHoldsNothing) {
  ASSERT_TRUE(store_.insert(sandbox("cl-a")));
  EXPECT_FALSE(is_held_for(two_));
  EXPECT_TRUE(store_.hold("cl-a").value());
  EXPECT_FALSE(is_held_for(two_));
}

}  // namespace
}  // namespace wrenn::db
