#include "vm/firecracker/reply.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/strings.h"
#include "vm/firecracker/request.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::Result;
namespace json = boost::json;

Result<json::object> object_in(std::string_view reply) {
  constexpr std::size_t kMaxDepth = 16;
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  json::value value = reply.size() > kMaxReplyBytes
                          ? json::value()
                          : json::parse(json::string_view(reply.data(), reply.size()), error,
                                        json::storage_ptr(), options);
  if (error || !value.is_object()) {
    return base::fail(Code::kInternal, "Firecracker answered something that is not of its API");
  }
  return std::move(value.as_object());
}

std::unexpected<base::Error> untold(std::string_view what) {
  return base::fail(Code::kInternal, base::concat("Firecracker does not tell ", what));
}

// Empty when there is no such text.
std::string_view text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

}  // namespace

std::string fault_in(std::string_view reply) {
  constexpr std::size_t kMaxShown = 400;
  const auto object = object_in(reply);
  std::string_view fault = object ? text_of(*object, "fault_message") : std::string_view();
  // What its HTTP server finds wrong before the API sees a call.
  if (object && fault.empty()) fault = text_of(*object, "error");
  if (fault.empty()) return "it gives no reason";
  std::string shown(fault.substr(0, kMaxShown));
  std::ranges::replace_if(shown, [](unsigned char c) { return c < ' ' || c > '~'; }, ' ');
  return shown;
}

Result<InstanceState> instance_state_in(std::string_view reply) {
  WRENN_TRY_ASSIGN(const json::object object, object_in(reply));
  const std::string_view state = text_of(object, "state");
  if (state == "Not started") return InstanceState::kNotStarted;
  if (state == "Running") return InstanceState::kRunning;
  if (state == "Paused") return InstanceState::kPaused;
  return untold("whether its VM runs");
}

Result<VmConfig> vm_config_in(std::string_view reply) {
  WRENN_TRY_ASSIGN(const json::object object, object_in(reply));
  VmConfig config;
  const auto* machine = object.if_contains("machine-config");
  const auto* tracking = machine != nullptr && machine->is_object()
                             ? machine->get_object().if_contains("track_dirty_pages")
                             : nullptr;
  config.tracks_dirty_pages = tracking != nullptr && tracking->is_bool() && tracking->get_bool();
  const auto* drives = object.if_contains("drives");
  if (drives == nullptr || !drives->is_array()) return untold("its disks");
  for (const auto& drive : drives->get_array()) {
    if (!drive.is_object() || text_of(drive.get_object(), "drive_id") != kDriveId) continue;
    const std::string_view path = text_of(drive.get_object(), "path_on_host");
    config.disk_file = path.substr(path.rfind('/') + 1);
  }
  if (!is_disk_name(config.disk_file)) return untold("its disk");
  return config;
}

Result<std::string> version_reply_in(std::string_view reply) {
  constexpr std::size_t kMaxLength = 64;
  WRENN_TRY_ASSIGN(const json::object object, object_in(reply));
  const std::string_view version = text_of(object, "firecracker_version");
  if (version.empty() || version.size() > kMaxLength) return untold("its version");
  return std::string(version);
}

bool is_disk_name(std::string_view name) {
  constexpr std::size_t kMaxLength = 31;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_allowed = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !name.empty() && name.size() <= kMaxLength && is_letter(name.front()) &&
         std::ranges::all_of(name, is_allowed);
}

}  // namespace wrenn::vm::firecracker
