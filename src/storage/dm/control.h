// Device-mapper, by its control device: devices of ours, by their names. Needs CAP_SYS_ADMIN.
//
// Calls block. An object may be used by any number of threads at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "storage/dm/ioctl.h"

namespace wrenn::storage::dm {

enum class DeviceAccess { kReadOnly, kReadWrite };

class Control {
 public:
  // kUnavailable with a remedy where the kernel has no device-mapper, kPermissionDenied where we
  // may not use it.
  static base::Result<Control> open();

  // A device that is there at once. kAlreadyExists when the name is taken; on failure there is
  // none.
  base::Result<dev_t> create(std::string_view name, const std::vector<TableLine>& table,
                             DeviceAccess access) const;
  // Gives a device another table when it is resumed next.
  base::Result<void> load(std::string_view name, const std::vector<TableLine>& table) const;
  // What was written to it is with the devices under it now, and what is read or written from now
  // on waits until it is resumed.
  base::Result<void> suspend(std::string_view name) const;
  // Fine for one that is not suspended.
  base::Result<void> resume(std::string_view name) const;
  // Tries again for a while when somebody has it open. One that is not there is fine.
  base::Result<void> remove(std::string_view name) const;

  // All names, of whoever.
  base::Result<std::vector<std::string>> list() const;
  // kNotFound when there is no such device.
  base::Result<std::vector<TableLine>> table(std::string_view name) const;
  base::Result<SnapshotStatus> snapshot_status(std::string_view name) const;

 private:
  explicit Control(base::Fd device) : device_(std::move(device)) {}
  base::Result<std::string> call(unsigned long what, std::string request) const;
  base::Result<std::string> ask(unsigned long what, std::string_view name,
                                std::uint32_t flags) const;
  base::Result<void> do_with(unsigned long what, std::string_view name, std::uint32_t flags,
                             const std::vector<TableLine>& table = {}) const;

  base::Fd device_;
};

}  // namespace wrenn::storage::dm
