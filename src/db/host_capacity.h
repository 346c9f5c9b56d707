// What hosts have, what of it may be promised to sandboxes, and what is. Amounts and their sums are
// pure; what takes a session belongs into a transaction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::db {

class Session;
struct Sandbox;

// Of sandboxes: what they may use, or what there is for them.
struct Amounts {
  std::int64_t vcpus = 0;
  std::int64_t memory_mb = 0;
  std::int64_t disk_mb = 0;

  Amounts& operator+=(const Amounts& other) {
    vcpus += other.vcpus;
    memory_mb += other.memory_mb;
    disk_mb += other.disk_mb;
    return *this;
  }
  friend bool operator==(const Amounts&, const Amounts&) = default;
};

// Of the machine. 0: not known, and not a limit.
struct HostCapacity {
  std::int64_t cpu_cores = 0;
  std::int64_t memory_mb = 0;
  std::int64_t memory_reserved_mb = 0;  // To be left free; not less to promise.
  std::int64_t disk_mb = 0;             // Of the file system that sandboxes lie on.
};

// What an agent says of its machine now and then.
struct HostReport {
  std::string arch;  // "amd64"
  HostCapacity capacity;
  std::int64_t memory_free_mb = 0;  // For sandboxes, without swapping.
  std::int64_t disk_free_mb = 0;
};

// How many times of what a host has may be promised: sandboxes use a part of what they may.
struct Overcommit {
  std::int64_t vcpus = 32;  // For each core.
  std::int64_t memory = 4;  // As an agent does by itself.
  std::int64_t disk = 50;
};

// 0: no limit.
Amounts most_of(const HostCapacity& capacity, const Overcommit& overcommit);
// What of `demand` finds no room beside `load`: zero for each amount that does. What is not asked
// for is never missing.
Amounts missing(const Amounts& most, const Amounts& load, const Amounts& demand);

// All that a sandbox may use when it runs.
Amounts size_of(const Sandbox& sandbox);
// What its host has to keep for it: all while it runs or changes, its disk alone while it is
// paused, nothing when it is in object storage or has ended.
Amounts load_of(const Sandbox& sandbox);

// What the transaction finds out about hosts on its way.
using HostLoads = std::map<std::string, Amounts>;

// What each of these hosts has to keep.
base::Result<HostLoads> loads_of(Session& session, const std::vector<std::string>& hosts);

// The first of the hosts that has room for it, and takes new sandboxes; nothing when none has.
// `loads` gets what each host that was looked at had to keep before. In a transaction, since these
// take turns: what is written next, in the same one, cannot fill a host beyond what it may promise.
base::Result<std::optional<std::string>> first_with_room(Session& session,
                                                         const std::vector<std::string>& hosts,
                                                         const Amounts& demand,
                                                         const Overcommit& overcommit,
                                                         HostLoads& loads);

}  // namespace wrenn::db
