// Qemu: virtual machines by QEMU's microvm machine, with KVM where it works and emulated elsewhere.
#pragma once

#include <memory>

#include "net/blocking.h"
#include "vm/hypervisor.h"
#include "vm/qemu/command.h"

namespace wrenn::vm {

// Looks in PATH's usual places and asks the program for its version. kFailedPrecondition with a
// remedy when it is missing or older than 7.0. Blocking.
base::Result<QemuBinary> find_qemu();

class Qemu final : public Hypervisor {
 public:
  // `device_dir`: where kvm_device() keeps its node. The pool must outlive this object.
  static base::Result<std::unique_ptr<Qemu>> create(QemuBinary binary, Accelerator accelerator,
                                                    base::Path device_dir, net::BlockingPool& pool);

  std::string_view name() const override { return "qemu"; }
  std::string_view version() const override { return binary_.version; }
  Accelerator accelerator() const override { return accelerator_; }

  net::Task<base::Result<VmProcess>> boot(const VmSpec& spec, const BootSource& source,
                                          int state_fd) override;
  net::Task<base::Result<void>> save_state(const VmSpec& spec) override;
  net::Task<base::Result<VmProcess>> restore(const VmSpec& spec, const base::Path& memory,
                                             int state_fd) override;
  net::Task<base::Result<std::string>> console(const VmSpec& spec) override;

 private:
  Qemu(QemuBinary binary, Accelerator accelerator, base::Path device_dir, net::BlockingPool& pool,
       base::Fd preload);
  base::JailSpec jail(const VmSpec& spec, StartMode mode, int state_fd) const;
  static base::Result<VmProcess> start(base::JailSpec& jail, const VmSpec& spec);
  static net::Task<base::Result<void>> save_state_now(base::Path directory);
  static net::Task<base::Result<void>> wait_until_running(const VmSpec& spec);

  const QemuBinary binary_;
  const Accelerator accelerator_;
  const base::Path device_dir_;
  const std::uint64_t tsc_khz_;
  net::BlockingPool& pool_;
  const base::Fd preload_;  // A sealed memory file with the library of preload.c.
};

}  // namespace wrenn::vm
