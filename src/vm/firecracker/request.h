// What is asked of Firecracker: calls of its API, from values. Pure; thread-safe.
//
// Paths are those that Firecracker sees in its jail. The fields are those of contract.json, against
// which the tests hold every call that is made here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wrenn::vm::firecracker {

struct ApiCall {
  std::string method;
  std::string path;
  std::string body;  // JSON; empty for none.
};

// The names of the devices, the same in each VM.
inline constexpr std::string_view kDriveId = "disk";
inline constexpr std::string_view kCardId = "eth0";
inline constexpr std::string_view kGuestMac = "02:FC:00:00:00:05";

// So much a guest may send, whatever else limits it: 200 MB in a second, and once 100 MB more.
inline constexpr std::uint64_t kSendBytes = 209'715'200;
inline constexpr std::uint64_t kSendBurstBytes = 104'857'600;
inline constexpr std::uint64_t kSendRefillMs = 1000;

enum class DirtyTracking { kOff, kOn };
enum class HugePages { kNone, k2M };

struct Machine {
  int vcpus = 1;
  int memory_mb = 0;
  DirtyTracking tracking = DirtyTracking::kOff;
  HugePages huge_pages = HugePages::kNone;
};
ApiCall set_machine(const Machine& machine);
ApiCall set_boot_source(std::string_view kernel, std::string_view initramfs,
                        std::string_view arguments);
ApiCall set_disk(std::string_view path);
ApiCall set_network_card(std::string_view tap);
ApiCall set_entropy();
// Empty, and the guest takes back from it what it needs.
ApiCall set_balloon(bool reports_free_pages);
// Warnings and errors go to a pipe or file.
ApiCall set_log(std::string_view path);
// Version 2 of the metadata service, on the network card.
ApiCall set_metadata_service();
ApiCall set_metadata(std::string_view vm_id);
ApiCall start();

enum class Running { kPaused, kResumed };
ApiCall set_running(Running running);
// Of a VM that runs, or is about to.
ApiCall change_disk(std::string_view path);

enum class SnapshotType { kFull, kDiff };
ApiCall create_snapshot(SnapshotType type, std::string_view state, std::string_view memory);

enum class MemoryBackend { kFile, kUffd };
struct SnapshotLoad {
  std::string state;
  MemoryBackend backend = MemoryBackend::kFile;
  std::string backend_path;
  DirtyTracking tracking = DirtyTracking::kOn;
  bool tracks_by_new_name = true;  // See Features.
};
// The VM stands still afterwards.
ApiCall load_snapshot(const SnapshotLoad& load);

ApiCall describe_instance();
ApiCall describe_config();
ApiCall describe_version();

}  // namespace wrenn::vm::firecracker
