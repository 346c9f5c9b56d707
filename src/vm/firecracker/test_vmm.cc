#include "vm/firecracker/test_vmm.h"

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/files.h"
#include "base/strings.h"
#include "net/loop.h"

namespace wrenn::vm::firecracker {
namespace {

using base::concat;
namespace json = boost::json;

constexpr int kBadRequest = 400;
constexpr std::string_view kStateMagic = "WRENN-TEST-STATE\n";

std::string failed(std::string_view what) {
  return concat(what, ": ", static_cast<const char*>(std::strerror(errno)));
}

std::string text_of(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(std::string_view(value->get_string()));
}

bool flag_of(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

TestMemory::Tracking tracking_of(bool is_on) {
  return is_on ? TestMemory::Tracking::kOn : TestMemory::Tracking::kOff;
}

}  // namespace

TestVmm::Answer TestVmm::refuse(std::string why) {
  return {kBadRequest, json::serialize(json::object{{"fault_message", why}})};
}

net::Task<base::Result<void>> TestVmm::handle(net::Request& request,
                                              net::ResponseWriter& response) {
  constexpr std::size_t kMaxBody = 51200;  // As Firecracker.
  const std::string method(request.method());
  const std::string path(request.path());
  WRENN_CO_TRY_ASSIGN(const std::string body, co_await net::read_all(request.body(), kMaxBody));
  const auto planned = fault(method, path);
  const std::string action = planned ? planned->first : std::string();
  if (action == "die") ::_exit(1);
  if (action == "drop" || action == "garbage") {
    if (action == "garbage") WRENN_CO_TRY(co_await request.stream().write_all("no http\r\n\r\n"));
    request.stream().cut();
    co_return {};
  }
  const Answer made = action == "refuse" ? refuse("it was told to") : answer(method, path, body);
  note(method, path, body, made.status);
  if (action == "delay") {
    WRENN_CO_TRY(co_await net::sleep_for(std::chrono::milliseconds(planned->second)));
  }
  co_return co_await response.send(made.status, {}, made.body);
}

TestVmm::Answer TestVmm::answer(const std::string& method, const std::string& path,
                                const std::string& body) {
  const Verdict verdict = contract_.judge(method, path, body, phase_);
  if (verdict.status != 0) return refuse(verdict.complaint);
  if (method == "GET") return show(path);
  return apply(concat(method, ' ', path), path,
               body.empty() ? json::object() : json::parse(body).as_object());
}

TestVmm::Answer TestVmm::apply(const std::string& call, const std::string& path,
                               const json::object& body) {
  if (call == "PUT /actions") {
    if (text_of(body, "action_type") == "InstanceStart") return start();
    return refuse("The test server only starts.");
  }
  if (call == "PATCH /vm") return set_state(body);
  if (call == "PUT /snapshot/create") return create_snapshot(body);
  if (call == "PUT /snapshot/load") return load_snapshot(body);
  return configure(call, path, body);
}

TestVmm::Answer TestVmm::configure(const std::string& call, const std::string& path,
                                   const json::object& body) {
  if (call == "PUT /logger") {
    const base::Fd log(
        ::open(text_of(body, "log_path").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    return log.valid() ? Answer() : refuse(failed("Failed to initialize logger"));
  }
  if (call == "PUT /boot-source") {
    for (const char* file : {"kernel_image_path", "initrd_path"}) {
      if (::access(text_of(body, file).c_str(), R_OK) != 0)
        return refuse(failed("The kernel file"));
    }
  }
  if (path.starts_with("/drives/")) {
    if (auto problem = open_disk(text_of(body, "path_on_host")); !problem.empty()) {
      return refuse(std::move(problem));
    }
    auto& drive = parts_[path];
    for (const auto& member : body) drive[member.key()] = member.value();
    is_configured_ = true;
    return {};
  }
  if (call == "PUT /mmds/config") {
    for (const auto& card : body.at("network_interfaces").as_array()) {
      if (!parts_.contains(concat("/network-interfaces/", std::string_view(card.as_string())))) {
        return refuse("The network interface does not exist.");
      }
    }
  }
  if (call == "PUT /mmds" && !parts_.contains("/mmds/config")) {
    return refuse("The MMDS data store is not initialized.");
  }
  if (path == "/machine-config") {
    const bool is_huge = text_of(body, "huge_pages") == "2M";
    if (is_huge && body.at("mem_size_mib").as_int64() % 2 != 0) {
      return refuse("The memory size is no multiple of the page size.");
    }
  }
  parts_[path] = body;
  is_configured_ = true;
  return {};
}

std::string TestVmm::open_disk(const std::string& path) {
  disk_ = base::Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  return disk_.valid() ? std::string() : failed("Error manipulating the backing file");
}

// In the network namespace that it was started in, and as the user that it is.
std::string TestVmm::open_card(const std::string& name) {
  // linux/if_tun.h
  constexpr unsigned long kSetInterface = 0x400454ca;
  constexpr short kTapWithHeader = 0x0002 | 0x1000 | 0x4000;
  card_ = base::Fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = kTapWithHeader;
  if (!card_.valid() || ::ioctl(card_.get(), kSetInterface, &request) != 0) {
    return failed("Open tap device failed");
  }
  return {};
}

TestVmm::Answer TestVmm::start() {
  if (phase_ == Phase::kAfter) return refuse("The microVM is already running.");
  if (!parts_.contains("/boot-source")) {
    return refuse("Cannot start microvm without kernel configuration.");
  }
  if (::access("/dev/kvm", R_OK | W_OK) != 0) return refuse(failed("Error creating KVM object"));
  const auto machine = parts_.find("/machine-config");
  constexpr std::size_t kDefaultMib = 128;
  const std::size_t mib = machine == parts_.end()
                              ? kDefaultMib
                              : machine->second.at("mem_size_mib").to_number<std::size_t>();
  const bool tracks = machine != parts_.end() && flag_of(machine->second, "track_dirty_pages");
  for (const auto& [path, part] : parts_) {
    if (!path.starts_with("/network-interfaces/")) continue;
    if (auto problem = open_card(text_of(part, "host_dev_name")); !problem.empty()) {
      return refuse(std::move(problem));
    }
  }
  if (auto problem = memory_.set_up(mib << 20, tracking_of(tracks)); !problem.empty()) {
    return refuse(std::move(problem));
  }
  phase_ = Phase::kAfter;
  return {};
}

TestVmm::Answer TestVmm::set_state(const json::object& body) {
  if (phase_ == Phase::kBefore) return refuse("The microVM is not running.");
  is_paused_ = text_of(body, "state") == "Paused";
  return {};
}

TestVmm::Answer TestVmm::create_snapshot(const json::object& body) {
  if (!is_paused_) return refuse("Cannot create a snapshot of a microVM that is not paused.");
  const bool is_diff = text_of(body, "snapshot_type") == "Diff";
  if (is_diff && !memory_.is_tracked()) return refuse("Dirty pages are not tracked.");
  json::object state = {{"memory", memory_.bytes()}, {"parts", json::object()}};
  for (const auto& [path, part] : parts_) {
    // What the metadata service tells is not saved.
    if (path != "/mmds") state["parts"].as_object()[path] = part;
  }
  const base::Fd file(::open(text_of(body, "snapshot_path").c_str(),
                             O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid() ||
      !base::write_all(file.get(), concat(kStateMagic, std::string_view(json::serialize(state))))) {
    return refuse(failed("Cannot write the state"));
  }
  const std::string path = text_of(body, "mem_file_path");
  auto problem = is_diff ? memory_.write_diff(path) : memory_.write_full(path);
  return problem.empty() ? Answer() : refuse(std::move(problem));
}

TestVmm::Answer TestVmm::load_snapshot(const json::object& body) {
  if (is_configured_) {
    return refuse(
        "Loading a microVM snapshot not allowed after configuring boot-specific resources.");
  }
  const auto text = base::read_file(text_of(body, "snapshot_path"));
  if (!text) return refuse(text.error().message);
  if (!text->starts_with(kStateMagic)) return refuse("Failed to restore from snapshot: bad magic");
  const json::object state = json::parse(text->substr(kStateMagic.size())).as_object();
  for (const auto& part : state.at("parts").as_object()) {
    parts_[std::string(std::string_view(part.key()))] = part.value().as_object();
  }
  for (const auto& [path, part] : parts_) {
    std::string problem;
    if (path.starts_with("/drives/")) problem = open_disk(text_of(part, "path_on_host"));
    if (path.starts_with("/network-interfaces/"))
      problem = open_card(text_of(part, "host_dev_name"));
    if (!problem.empty()) return refuse(std::move(problem));
  }
  const auto tracking =
      tracking_of(flag_of(body, "track_dirty_pages") || flag_of(body, "enable_diff_snapshots"));
  const auto bytes = state.at("memory").to_number<std::size_t>();
  const json::object& backend = body.at("mem_backend").as_object();
  const std::string where = text_of(backend, "backend_path");
  auto problem = text_of(backend, "backend_type") == "File"
                     ? memory_.load_file(bytes, where, tracking)
                     : memory_.load_served(bytes, where, tracking);
  if (!problem.empty()) return refuse(std::move(problem));
  parts_["/machine-config"]["track_dirty_pages"] = memory_.is_tracked();
  phase_ = Phase::kAfter;
  is_paused_ = !flag_of(body, "resume_vm");
  return {};
}

json::object TestVmm::config() const {
  json::object config = {{"drives", json::array()}, {"network-interfaces", json::array()}};
  for (const auto& [path, part] : parts_) {
    if (path.starts_with("/drives/")) config["drives"].as_array().push_back(part);
    if (path.starts_with("/network-interfaces/")) {
      config["network-interfaces"].as_array().push_back(part);
    }
    if (path == "/machine-config") config["machine-config"] = part;
  }
  return config;
}

TestVmm::Answer TestVmm::show(const std::string& path) const {
  constexpr int kOk = 200;
  const auto say = [&](const json::object& object) { return Answer{kOk, json::serialize(object)}; };
  if (path == "/") {
    const char* state = phase_ == Phase::kBefore ? "Not started"
                        : is_paused_             ? "Paused"
                                                 : "Running";
    return say({{"app_name", "Firecracker"},
                {"id", id_},
                {"state", state},
                {"vmm_version", contract_.version()}});
  }
  if (path == "/version") return say({{"firecracker_version", contract_.version()}});
  if (path == "/vm/config") return say(config());
  return refuse("The test server does not tell that.");
}

void TestVmm::note(const std::string& method, const std::string& path, const std::string& body,
                   int status) const {
  const base::Fd file(::open(concat(directory_, "/calls").c_str(),
                             O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  (void)base::write_all(file.get(), concat(method, ' ', path, ' ', body, ' ', status, '\n'));
}

std::optional<std::pair<std::string, int>> TestVmm::fault(const std::string& method,
                                                          const std::string& path) const {
  const auto text = base::read_file(concat(directory_, "/faults"));
  if (!text) return std::nullopt;
  for (const auto line : base::split(*text, '\n')) {
    const auto words = base::split(line, ' ');
    if (words.size() == 4 && words[0] == method && words[1] == path) {
      return std::pair(std::string(words[2]), base::parse_int<int>(words[3]).value_or(0));
    }
  }
  return std::nullopt;
}

}  // namespace wrenn::vm::firecracker
