// Firecracker: virtual machines by Firecracker, for hosts with KVM.
#pragma once

#include <memory>

#include "net/blocking.h"
#include "vm/firecracker/api.h"
#include "vm/firecracker/launch.h"
#include "vm/firecracker/version.h"
#include "vm/hypervisor.h"

namespace wrenn::vm {

// How the memory of a restored VM gets into its process.
enum class MemoryLoading {
  kAuto,  // By a file wherever that is possible.
  kFile,  // Several layers are put together as one file, sharing their blocks.
  kUffd,  // Page by page, as the guest touches them, by a process that serves them.
};

struct FirecrackerOptions {
  base::Path device_dir;    // Where make_firecracker_devices() made its nodes.
  base::Path page_handler;  // The program wrenn-page-handler.
  MemoryLoading loading = MemoryLoading::kAuto;
  // Guests have pages of 2 MiB, of which the host must have set enough aside. What is restored then
  // comes page by page, and each save writes the whole memory.
  firecracker::HugePages huge_pages = firecracker::HugePages::kNone;
};

// The nodes of the devices that its jail has, in `directory`. kFailedPrecondition without KVM.
// Blocking.
base::Result<void> make_firecracker_devices(const base::Path& directory);

// Whether memory can come page by page, which it has to where files do not share blocks.
bool may_bring_pages();

class Firecracker final : public Hypervisor {
 public:
  // The pool must outlive this object.
  Firecracker(firecracker::Binary binary, FirecrackerOptions options, net::BlockingPool& pool);

  std::string_view name() const override { return "firecracker"; }
  std::string_view version() const override { return binary_.version; }
  Accelerator accelerator() const override { return Accelerator::kKvm; }
  NetworkCard network_card() const override { return NetworkCard::kName; }
  DiskSupport disk_support() const override { return DiskSupport::kRawOnly; }

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
  struct Restore;  // What is prepared before a VM is restored.

  base::JailSpec jail(const VmSpec& spec) const;
  base::Result<Restore> prepare_restore(const VmSpec& spec, const MemoryImage& memory,
                                        int devices_fd) const;
  base::Result<void> prepare_memory(const VmSpec& spec, const MemoryImage& memory,
                                    Restore& restore) const;
  base::Result<void> check_huge_pages(const VmSpec& spec) const;
  // The VM's process, or the reason why it is none, after which nothing of it runs.
  net::Task<base::Result<VmProcess>> started(firecracker::Started vm, base::Result<void> outcome);
  net::Task<base::Result<void>> boot_up(const VmSpec& spec, const VmProcess& process);
  net::Task<base::Result<void>> load(const VmSpec& spec, const VmProcess& process,
                                     const Restore& restore);
  net::Task<base::Result<void>> set_running(const VmSpec& spec, firecracker::Running wanted);
  net::Task<base::Result<void>> take_snapshot(const VmSpec& spec, firecracker::SnapshotType type);

  const firecracker::Binary binary_;
  const firecracker::Features features_;
  const FirecrackerOptions options_;
  net::BlockingPool& pool_;
};

}  // namespace wrenn::vm
