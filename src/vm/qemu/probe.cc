#include "vm/qemu/probe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/utsname.h>

#include <array>
#include <cerrno>
#include <csignal>

#include <boost/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "vm/device_node.h"
#include "vm/qemu/tsc.h"

namespace wrenn::vm {
namespace {

using base::Code;
using base::concat;
namespace json = boost::json;

constexpr const char* kCacheFile = "accelerator.json";
constexpr const char* kHostDevice = "/dev/kvm";

// What the answer depends on.
std::string cache_key(const ProbeRequest& request) {
  utsname host{};
  ::uname(&host);
  return concat("guest ", request.kernel_version, ", qemu ", request.qemu.version, ", host ",
                static_cast<const char*>(host.release), ' ',
                static_cast<const char*>(host.version));
}

base::Result<AcceleratorChoice> read_cache(const base::Path& path, std::string_view key) {
  WRENN_TRY_ASSIGN(const std::string text, base::read_file(path));
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr) return base::fail(Code::kDataLoss, "the kept probe result is broken");
  const auto member = [&](const char* name) -> std::string_view {
    const auto* text_value = object->if_contains(name);
    if (text_value == nullptr || !text_value->is_string()) return {};
    return text_value->get_string();
  };
  if (member("key") != key) return base::fail(Code::kNotFound, "probed under other conditions");
  return AcceleratorChoice{member("accelerator") == "kvm" ? Accelerator::kKvm : Accelerator::kTcg,
                           std::string(member("explanation"))};
}

base::Result<void> write_cache(const base::Path& path, std::string_view key,
                               const AcceleratorChoice& choice) {
  const json::object object = {{"key", json::string_view(key.data(), key.size())},
                               {"accelerator", accelerator_name(choice.accelerator).data()},
                               {"explanation", choice.explanation}};
  return base::write_file_atomic(path, json::serialize(object));
}

struct ProbeOutcome {
  bool answered = false;
  std::string why_not;
};

// The last line of what QEMU and the guest said, for people.
std::string last_line(std::string_view output) {
  constexpr std::size_t kMaxShown = 160;
  output = base::trim(output);
  const auto line = output.substr(output.rfind('\n') + 1);
  return std::string(line.substr(0, kMaxShown));
}

// Reads what the guest prints until it says the word, ends, or the deadline passes.
ProbeOutcome listen_for_the_word(int fd, base::Duration deadline) {
  constexpr std::size_t kMaxOutput = 256 * 1024;
  const auto end = base::steady_now() + deadline;
  std::string output;
  std::array<char, 4096> buffer;
  while (output.size() < kMaxOutput) {
    const auto left = base::to_ms(end - base::steady_now());
    pollfd ready{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0) {
      return {false, concat("it did not answer within ", base::to_ms(deadline) / 1000, " s")};
    }
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n <= 0) return {false, concat("it ended at once: ", last_line(output))};
    output.append(buffer.data(), static_cast<std::size_t>(n));
    if (output.find(kProbeAnswer) != std::string::npos) return {true, {}};
  }
  return {false, "it printed nothing but noise"};
}

base::Result<ProbeOutcome> boot_with_kvm(const ProbeRequest& request, const base::Path& device) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return base::fail_errno(errno, "cannot make a pipe");
  const base::Fd from_guest(pipe[0]);
  base::Fd to_us(pipe[1]);
  base::JailSpec jail;
  jail.argv = probe_command(request.qemu, Accelerator::kKvm, measure_tsc_khz());
  base::add_system_files(jail);
  jail.binds.push_back({request.boot.kernel, kJailKernel});
  jail.binds.push_back({request.boot.initramfs, kJailInitramfs});
  jail.binds.push_back({device, kHostDevice, base::MountAccess::kDevice});
  jail.credentials = base::Credentials{request.uid, request.uid, {kDeviceGroup}};
  jail.fds = {{to_us.get(), 1}, {to_us.get(), 2}};
  jail.new_pid_namespace = true;
  WRENN_TRY_ASSIGN(const auto child, base::spawn(jail));
  to_us.reset();
  ProbeOutcome outcome = listen_for_the_word(from_guest.get(), request.deadline);
  WRENN_TRY(kill_vm(child));
  return outcome;
}

}  // namespace

base::Result<base::Path> kvm_device(const base::Path& directory) {
  return device_node(kHostDevice, directory);
}

base::Result<AcceleratorChoice> choose_accelerator(const ProbeRequest& request) {
  const base::Path cache = request.directory / kCacheFile;
  const std::string key = cache_key(request);
  WRENN_TRY_ASSIGN(const base::Path device, kvm_device(request.directory));
  if (device.empty()) {
    return AcceleratorChoice{Accelerator::kTcg,
                             "this machine has no /dev/kvm, so guests are emulated (TCG)"};
  }
  if (auto kept = read_cache(cache, key)) return kept;
  base::log_info(
      "probing KVM: booting a guest",
      {{"deadline_s", std::chrono::duration_cast<std::chrono::seconds>(request.deadline).count()}});
  WRENN_TRY_ASSIGN(const ProbeOutcome outcome, boot_with_kvm(request, device));
  AcceleratorChoice choice;
  if (outcome.answered) {
    choice = {Accelerator::kKvm, "a guest booted with KVM, so KVM is used"};
  } else {
    choice.explanation = concat("/dev/kvm is there, but a guest does not boot with it (",
                                outcome.why_not, "), so guests are emulated (TCG)");
  }
  base::log_info("probed", {{"result", choice.explanation}});
  if (auto kept = write_cache(cache, key, choice); !kept) {
    base::log_warn("the probe result is not kept", {{"error", kept.error()}});
  }
  return choice;
}

}  // namespace wrenn::vm
