#include "storage/dm/control.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <thread>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"

namespace wrenn::storage::dm {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr const char* kControlDevice = "/dev/mapper/control";
constexpr const char* kNoDeviceMapper =
    "load the modules dm_mod and dm_snapshot (modprobe dm_snapshot), or use another kernel";
// What there is mostly room for; more is asked for when it does not do.
constexpr std::size_t kReplyBytes = 16 << 10;
constexpr std::size_t kMaxReplyBytes = 64 << 20;

}  // namespace

Result<Control> Control::open() {
  auto device = base::open_file(kControlDevice, O_RDWR);
  if (!device && (device.error().code == Code::kPermissionDenied)) {
    return base::fail(Code::kPermissionDenied, concat("may not open ", kControlDevice),
                      "run it as root, with CAP_SYS_ADMIN");
  }
  if (!device) {
    return base::fail(Code::kUnavailable,
                      concat("this kernel has no device-mapper: ", device.error().message),
                      kNoDeviceMapper);
  }
  Control control(*std::move(device));
  WRENN_TRY_ASSIGN(std::string request, make_request({}, 0));
  if (auto version = control.call(DM_VERSION, std::move(request)); !version) {
    base::Error error = std::move(version).error().with_context("device-mapper does not answer");
    if (error.remedy.empty()) error.remedy = kNoDeviceMapper;
    return base::fail(std::move(error));
  }
  return control;
}

Result<std::string> Control::call(unsigned long what, std::string request) const {
  if (::ioctl(device_.get(), what, request.data()) == 0) return request;
  if (errno == ENXIO) return base::fail(Code::kNotFound, "there is no such device");
  return base::fail_errno(errno, "device-mapper");
}

Result<std::string> Control::ask(unsigned long what, std::string_view name,
                                 std::uint32_t flags) const {
  for (std::size_t bytes = kReplyBytes; bytes <= kMaxReplyBytes; bytes *= 4) {
    WRENN_TRY_ASSIGN(std::string request, make_request(name, flags, {}, bytes));
    auto reply = call(what, std::move(request));
    if (!reply) return base::fail(std::move(reply).error().with_context(name));
    if (!is_cut_off(*reply)) return reply;
  }
  return base::fail(Code::kResourceExhausted, "device-mapper has too many devices to list");
}

Result<void> Control::do_with(unsigned long what, std::string_view name, std::uint32_t flags,
                              const std::vector<TableLine>& table) const {
  WRENN_TRY_ASSIGN(std::string request, make_request(name, flags, table));
  auto done = call(what, std::move(request));
  if (!done) return base::fail(std::move(done).error().with_context(name));
  return {};
}

Result<dev_t> Control::create(std::string_view name, const std::vector<TableLine>& table,
                              DeviceAccess access) const {
  const std::uint32_t flags = access == DeviceAccess::kReadOnly ? DM_READONLY_FLAG : 0;
  WRENN_TRY_ASSIGN(std::string request, make_request(name, flags));
  if (::ioctl(device_.get(), DM_DEV_CREATE, request.data()) != 0) {
    if (errno == EBUSY) {
      return base::fail(Code::kAlreadyExists, concat("there is a device ", name, " already"));
    }
    return base::fail_errno(errno, concat("cannot make the device ", name));
  }
  auto filled = do_with(DM_TABLE_LOAD, name, flags, table);
  if (filled) filled = do_with(DM_DEV_SUSPEND, name, flags);  // Without its flag: resume.
  if (filled) return device_in(request);
  if (auto removed = remove(name); !removed) {
    base::log_warn("a device stays behind", {{"device", name}, {"error", removed.error()}});
  }
  return base::fail(std::move(filled).error());
}

Result<void> Control::load(std::string_view name, const std::vector<TableLine>& table) const {
  return do_with(DM_TABLE_LOAD, name, 0, table);
}

Result<void> Control::suspend(std::string_view name) const {
  return do_with(DM_DEV_SUSPEND, name, DM_SUSPEND_FLAG);
}

Result<void> Control::resume(std::string_view name) const {
  return do_with(DM_DEV_SUSPEND, name, 0);
}

Result<void> Control::remove(std::string_view name) const {
  constexpr int kAttempts = 25;
  constexpr auto kInterval = std::chrono::milliseconds(40);
  WRENN_TRY_ASSIGN(const std::string request, make_request(name, 0));
  for (int attempt = 1;; ++attempt) {
    std::string once = request;
    if (::ioctl(device_.get(), DM_DEV_REMOVE, once.data()) == 0 || errno == ENXIO) return {};
    if (errno != EBUSY) return base::fail_errno(errno, concat("cannot remove the device ", name));
    if (attempt == kAttempts) {
      return base::fail(Code::kUnavailable, concat("the device ", name, " is still in use"),
                        "whoever has it open has to close it; the next agent tries again");
    }
    std::this_thread::sleep_for(kInterval);
  }
}

Result<std::vector<std::string>> Control::list() const {
  WRENN_TRY_ASSIGN(const std::string reply, ask(DM_LIST_DEVICES, {}, 0));
  return names_in(reply);
}

Result<std::vector<TableLine>> Control::table(std::string_view name) const {
  WRENN_TRY_ASSIGN(const std::string reply, ask(DM_TABLE_STATUS, name, DM_STATUS_TABLE_FLAG));
  return table_in(reply);
}

Result<SnapshotStatus> Control::snapshot_status(std::string_view name) const {
  // Without "noflush" a suspended device would be waited for.
  WRENN_TRY_ASSIGN(const std::string reply, ask(DM_TABLE_STATUS, name, DM_NOFLUSH_FLAG));
  WRENN_TRY_ASSIGN(const auto lines, table_in(reply));
  if (lines.size() == 1 && lines[0].target == "snapshot") {
    return parse_snapshot_status(lines[0].parameters);
  }
  return base::fail(Code::kInternal, concat("the device ", name, " is no snapshot"));
}

}  // namespace wrenn::storage::dm
