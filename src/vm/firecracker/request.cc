#include "vm/firecracker/request.h"

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::vm::firecracker {
namespace {

using base::concat;
namespace json = boost::json;

json::string text(std::string_view value) {
  return json::string(value.data(), value.size());
}

ApiCall call(std::string_view method, std::string path, const json::object& body) {
  return {std::string(method), std::move(path), json::serialize(body)};
}

ApiCall get(std::string_view path) {
  return {"GET", std::string(path), {}};
}

}  // namespace

ApiCall set_machine(const Machine& machine) {
  return call("PUT", "/machine-config",
              {{"vcpu_count", machine.vcpus},
               {"mem_size_mib", machine.memory_mb},
               {"smt", false},
               {"track_dirty_pages", machine.tracking == DirtyTracking::kOn},
               {"huge_pages", machine.huge_pages == HugePages::k2M ? "2M" : "None"}});
}

ApiCall set_boot_source(std::string_view kernel, std::string_view initramfs,
                        std::string_view arguments) {
  return call("PUT", "/boot-source",
              {{"kernel_image_path", text(kernel)},
               {"initrd_path", text(initramfs)},
               {"boot_args", text(arguments)}});
}

ApiCall set_disk(std::string_view path) {
  // The other engine costs a start some 100 ms. Flushes are not passed on: a sandbox's disk need
  // not survive the host's power loss.
  return call("PUT", concat("/drives/", kDriveId),
              {{"drive_id", text(kDriveId)},
               {"path_on_host", text(path)},
               {"is_root_device", true},
               {"is_read_only", false},
               {"cache_type", "Unsafe"},
               {"io_engine", "Sync"}});
}

ApiCall set_network_card(std::string_view tap) {
  return call("PUT", concat("/network-interfaces/", kCardId),
              {{"iface_id", text(kCardId)},
               {"host_dev_name", text(tap)},
               {"guest_mac", text(kGuestMac)},
               {"tx_rate_limiter",
                {{"bandwidth",
                  {{"size", kSendBytes},
                   {"one_time_burst", kSendBurstBytes},
                   {"refill_time", kSendRefillMs}}}}}});
}

ApiCall set_entropy() {
  return call("PUT", "/entropy", {});
}

ApiCall set_balloon(bool reports_free_pages) {
  json::object body = {{"amount_mib", 0}, {"deflate_on_oom", true}};
  // An older Firecracker refuses a field that it does not know.
  if (reports_free_pages) body["free_page_reporting"] = true;
  return call("PUT", "/balloon", body);
}

ApiCall set_log(std::string_view path) {
  return call("PUT", "/logger", {{"log_path", text(path)}, {"level", "Warning"}});
}

ApiCall set_metadata_service() {
  return call("PUT", "/mmds/config",
              {{"version", "V2"}, {"network_interfaces", json::array{text(kCardId)}}});
}

ApiCall set_metadata(std::string_view vm_id) {
  return call("PUT", "/mmds", {{"instanceID", text(vm_id)}});
}

ApiCall start() {
  return call("PUT", "/actions", {{"action_type", "InstanceStart"}});
}

ApiCall set_running(Running running) {
  return call("PATCH", "/vm", {{"state", running == Running::kPaused ? "Paused" : "Resumed"}});
}

ApiCall change_disk(std::string_view path) {
  return call("PATCH", concat("/drives/", kDriveId),
              {{"drive_id", text(kDriveId)}, {"path_on_host", text(path)}});
}

ApiCall create_snapshot(SnapshotType type, std::string_view state, std::string_view memory) {
  return call("PUT", "/snapshot/create",
              {{"snapshot_type", type == SnapshotType::kFull ? "Full" : "Diff"},
               {"snapshot_path", text(state)},
               {"mem_file_path", text(memory)}});
}

ApiCall load_snapshot(const SnapshotLoad& load) {
  const char* tracking = load.tracks_by_new_name ? "track_dirty_pages" : "enable_diff_snapshots";
  return call("PUT", "/snapshot/load",
              {{"snapshot_path", text(load.state)},
               {"mem_backend",
                {{"backend_type", load.backend == MemoryBackend::kFile ? "File" : "Uffd"},
                 {"backend_path", text(load.backend_path)}}},
               {tracking, load.tracking == DirtyTracking::kOn},
               {"resume_vm", false}});
}

ApiCall describe_instance() {
  return get("/");
}

ApiCall describe_config() {
  return get("/vm/config");
}

ApiCall describe_version() {
  return get("/version");
}

}  // namespace wrenn::vm::firecracker
