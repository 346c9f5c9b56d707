// What is said to device-mapper's control device, and what it answers (linux/dm-ioctl.h). Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::storage::dm {

// So many sectors of a device, and what they are mapped to.
struct TableLine {
  std::uint64_t start = 0;
  std::uint64_t sectors = 0;
  std::string target;
  std::string parameters;
  bool operator==(const TableLine&) const = default;
};

// "7:3", as tables name devices; and back.
std::string device_number(dev_t device);
std::optional<dev_t> parse_device_number(std::string_view text);

// Another device as it is, from its beginning.
TableLine linear_line(std::uint64_t start, std::uint64_t sectors, dev_t device);
// A persistent snapshot in chunks of 4 KiB: the whole of `origin`, with `store` over it.
TableLine snapshot_line(std::uint64_t sectors, dev_t origin, dev_t store);
struct SnapshotDevices {
  dev_t origin = 0;
  dev_t store = 0;
};
// kInternal for the table of anything else.
base::Result<SnapshotDevices> snapshot_devices_in(const std::vector<TableLine>& table);

enum class SnapshotState {
  kGood,
  kInvalid,  // A write to its store failed: all that was written is lost.
  kFull,     // Its store was too small, with the same outcome.
};
struct SnapshotStatus {
  SnapshotState state = SnapshotState::kGood;
  std::uint64_t used_sectors = 0;  // Of the store, metadata included; 0 when it is not good.
  std::uint64_t store_sectors = 0;
};
// Takes apart what the kernel says: "16/2048 8", "Invalid", "Overflow". kInternal for other words.
base::Result<SnapshotStatus> parse_snapshot_status(std::string_view text);

// A request for the device `name` (empty: for none), with a table if there is one; as large as
// what it holds, and at least `reply_bytes`. kInvalidArgument for a name that the kernel would not
// take.
base::Result<std::string> make_request(std::string_view name, std::uint32_t flags,
                                       const std::vector<TableLine>& table = {},
                                       std::size_t reply_bytes = 0);
// Whether the kernel had more to say than there was room for.
bool is_cut_off(std::string_view reply);
dev_t device_in(std::string_view reply);
// kInternal for an answer that does not hold together.
base::Result<std::vector<std::string>> names_in(std::string_view reply);
base::Result<std::vector<TableLine>> table_in(std::string_view reply);

}  // namespace wrenn::storage::dm
