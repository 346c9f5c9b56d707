#include "agent/doctor.h"

#include <unistd.h>

#include <boost/json.hpp>

#include "agent/host.h"
#include "agent/host_checks.h"
#include "agent/memory_budget.h"
#include "base/cgroup.h"
#include "base/strings.h"
#include "hostnet/host_network.h"
#include "storage/cow_disk.h"
#include "storage/manifest.h"
#include "vm/qemu/qemu.h"

namespace wrenn::agent {
namespace {

using base::concat;
namespace json = boost::json;

std::string_view status_name(CheckStatus status) {
  switch (status) {
    case CheckStatus::kOk:
      return "ok";
    case CheckStatus::kWarn:
      return "warn";
    case CheckStatus::kFail:
      return "fail";
  }
  return "fail";
}

Check failed(std::string name, const base::Error& error) {
  return {std::move(name), CheckStatus::kFail, error.message, error.remedy};
}

Check check_root() {
  if (::geteuid() == 0) return {"root", CheckStatus::kOk, "running as root", ""};
  return {"root", CheckStatus::kFail, "network namespaces, cgroups and jails need root",
          "run it with sudo"};
}

Check check_kernel(const AgentConfig& config) {
  const auto kernel = config.layout.newest_kernel();
  if (!kernel) return failed("guest kernel", kernel.error());
  return {"guest kernel", CheckStatus::kOk,
          concat(kernel->version.empty() ? "unversioned" : kernel->version, " at ",
                 kernel->image.native()),
          ""};
}

Check check_templates(const AgentConfig& config) {
  const auto templates = config.layout.list_templates();
  if (!templates) return failed("templates", templates.error());
  if (templates->empty()) {
    return {"templates", CheckStatus::kFail, "there is no template image",
            concat("build one: images/build.sh --out ", config.layout.root().native())};
  }
  std::vector<std::string> names;
  for (const auto& name : *templates) names.push_back(name.text());
  return {"templates", CheckStatus::kOk, base::join(names, ", "), ""};
}

Check check_qemu() {
  const auto qemu = vm::find_qemu();
  if (!qemu) return failed("qemu", qemu.error());
  return {"qemu", CheckStatus::kOk, concat("version ", qemu->version, " at ", qemu->path.native()),
          ""};
}

// The accelerator and the hypervisor.
void check_hypervisor(const AgentConfig& config, std::vector<Check>& checks) {
  if (::geteuid() != 0) {
    checks.push_back(
        {"accelerator", CheckStatus::kWarn, "not probed without root", "run it with sudo"});
    return;
  }
  if (auto made = config.layout.create(); !made) {
    checks.push_back(failed("accelerator", made.error()));
    return;
  }
  const auto tools = find_host_tools(config);
  if (!tools) {
    checks.push_back(failed("hypervisor", tools.error()));
    return;
  }
  const bool is_kvm = tools->accelerator.accelerator == vm::Accelerator::kKvm;
  checks.push_back({"accelerator", is_kvm ? CheckStatus::kOk : CheckStatus::kWarn,
                    tools->accelerator.explanation,
                    is_kvm ? "" : "sandboxes work, but run about ten times slower than with KVM"});
  checks.push_back({"hypervisor", CheckStatus::kOk, tools->hypervisor.explanation, ""});
  const std::string& why_not = tools->storage_facts.why_no_snapshots;
  checks.push_back(
      {"storage", CheckStatus::kOk,
       concat(storage::backend_name(tools->storage.backend), ": ", tools->storage.explanation,
              "; dm-snapshot ", why_not.empty() ? "works" : concat("cannot be used: ", why_not)),
       ""});
}

void check_network(std::vector<Check>& checks) {
  for (auto& check : hostnet::check_host_network()) {
    const auto status = check.state == hostnet::CheckState::kGood      ? CheckStatus::kOk
                        : check.state == hostnet::CheckState::kWarning ? CheckStatus::kWarn
                                                                       : CheckStatus::kFail;
    checks.push_back(
        {std::move(check.name), status, std::move(check.explanation), std::move(check.remedy)});
  }
}

Check check_cgroups() {
  const auto support = base::CgroupSupport::detect();
  const bool all = support.memory && support.cpu && support.pids;
  return {"cgroups", all ? CheckStatus::kOk : CheckStatus::kWarn,
          base::join(support.explanation, "; "),
          all ? "" : "sandboxes work, but what is missing is not limited"};
}

Check check_disks(const AgentConfig& config) {
  const auto probe = storage::probe_cow(config.layout.root());
  if (!probe) return failed("disks", probe.error());
  const auto free = storage::free_space(config.layout.root()).value_or(0);
  constexpr std::uint64_t kLittle = 2ull << 30;
  return {"disks", free < kLittle ? CheckStatus::kWarn : CheckStatus::kOk,
          concat(probe->explanation, "; ", base::human_bytes(free), " free"),
          free < kLittle ? "free some space on the disk of $WRENN_DIR" : ""};
}

Check check_memory() {
  const auto available = host_memory().available;
  const bool is_little = available < 1024;
  return {"memory", is_little ? CheckStatus::kWarn : CheckStatus::kOk,
          concat(available, " MB available"),
          is_little ? "a sandbox has 512 MB: few will fit" : ""};
}

}  // namespace

std::vector<Check> examine(const AgentConfig& config) {
  std::vector<Check> checks = {check_root(), check_qemu(), check_kernel(config),
                               check_templates(config)};
  check_hypervisor(config, checks);
  if (::geteuid() == 0) check_network(checks);
  checks.push_back(check_cgroups());
  checks.push_back(check_disks(config));
  checks.push_back(check_memory());
  for (auto& check : check_host_settings(config.layout.root())) checks.push_back(std::move(check));
  return checks;
}

std::string to_json(const std::vector<Check>& checks) {
  json::array list;
  for (const auto& check : checks) {
    const std::string status(status_name(check.status));
    list.push_back(json::object{{"name", check.name},
                                {"status", status},
                                {"detail", check.detail},
                                {"remedy", check.remedy}});
  }
  return json::serialize(json::object{{"checks", std::move(list)}});
}

std::string to_text(const std::vector<Check>& checks) {
  std::string text;
  for (const auto& check : checks) {
    text += concat(status_name(check.status), "\t", check.name, ": ", check.detail, "\n");
    if (!check.remedy.empty()) text += concat("\t  ", check.remedy, "\n");
  }
  return text;
}

}  // namespace wrenn::agent
