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
  NetworkCard network_card() const override { return NetworkCard::kDescriptor; }
  DiskSupport disk_support() const override { return DiskSupport::kOverlays; }

  net::Task<base::Result<VmProcess>> boot(const VmSpec& spec, const BootSource& source) override;
  net::Task<base::Result<VmProcess>> restore(const VmSpec& spec, const MemoryImage& memory,
                                             int devices_fd) override;
  net::Task<base::Result<void>> stop(const VmSpec& spec) override;
  net::Task<base::Result<void>> go_on(const VmSpec& spec) override;
  net::Task<base::Result<void>> save_devices(const VmSpec& spec) override;
  net::Task<base::Result<MemoryMap>> save_memory(const VmSpec& spec, const VmProcess& process,
                                                 const MemoryMap& base, int layer, int fd) override;
  net::Task<base::Result<void>> switch_disk(const VmSpec& spec, std::string file) override;
  net::Task<base::Result<std::string>> current_disk(const VmSpec& spec) override;
  net::Task<base::Result<void>> start_merge(const VmSpec& spec, std::size_t onto) override;
  net::Task<base::Result<bool>> is_merging(const VmSpec& spec) override;
  net::Task<base::Result<void>> cancel_merge(const VmSpec& spec) override;
  net::Task<base::Result<std::string>> console(const VmSpec& spec) override;

 private:
  Qemu(QemuBinary binary, Accelerator accelerator, base::Path device_dir, net::BlockingPool& pool,
       base::Fd preload);
  base::JailSpec jail(const VmSpec& spec, StartMode mode) const;
  static base::Result<VmProcess> start(base::JailSpec& jail, const VmSpec& spec);
  // One command on a connection of its own, within a deadline; returns what QEMU returned, as JSON.
  static net::Task<base::Result<std::string>> execute(base::Path directory, std::string command,
                                                      std::string arguments = {});
  // The same of the monitor for people: what it prints, as a JSON text.
  static net::Task<base::Result<std::string>> ask_monitor(base::Path directory,
                                                          std::string question);
  static net::Task<base::Result<void>> wait_until_running(const VmSpec& spec);

  const QemuBinary binary_;
  const Accelerator accelerator_;
  const base::Path device_dir_;
  const std::uint64_t tsc_khz_;
  net::BlockingPool& pool_;
  const base::Fd preload_;  // A sealed memory file with the library of preload.c.
};

}  // namespace wrenn::vm
