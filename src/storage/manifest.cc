#include "storage/manifest.h"

#include <array>

#include "storage/manifest_fields.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;
using base::Result;
namespace json = boost::json;

constexpr int kMaxTimeoutSec = 366 * 24 * 3600;
constexpr int kMaxSlot = 1 << 20;

constexpr std::array<std::pair<StoredState, std::string_view>, 2> kStateNames = {{
    {StoredState::kRunning, "running"},
    {StoredState::kPaused, "paused"},
}};

json::object file_json(const FileStamp& stamp) {
  return {{"path", stamp.path.native()},
          {"sha256", stamp.sha256},
          {"size", static_cast<std::int64_t>(stamp.size)}};
}

json::object network_json(const NetworkPolicy& network) {
  return {{"deny_internet", network.deny_internet},
          {"allow_out", json::array(network.allow_out.begin(), network.allow_out.end())},
          {"deny_out", json::array(network.deny_out.begin(), network.deny_out.end())}};
}

template <class Manifest>
void add(Scan<Manifest>& scan, const Path& directory, Result<Manifest> manifest,
         bool (*fits)(const Manifest&, const Path&)) {
  if (manifest && !fits(*manifest, directory)) {
    manifest = base::fail(Code::kDataLoss,
                          concat(directory.native(), " holds the manifest of something else"));
  }
  if (manifest) {
    scan.good.push_back(*std::move(manifest));
  } else {
    scan.broken.push_back({directory, std::move(manifest).error()});
  }
}

}  // namespace

std::string_view state_name(StoredState state) {
  for (const auto& [value, name] : kStateNames) {
    if (value == state) return name;
  }
  return "unknown";
}

std::optional<StoredState> stored_state_from_name(std::string_view name) {
  for (const auto& [value, text] : kStateNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

json::object texts_json(const std::map<std::string, std::string>& texts) {
  json::object out;
  for (const auto& [key, value] : texts) out.emplace(key, value);
  return out;
}

std::string to_json(const SandboxManifest& m) {
  return manifest_text({{"format", kManifestFormat},
                        {"id", m.id},
                        {"team_id", m.team_id},
                        {"template", m.template_name},
                        {"state", state_name(m.state)},
                        {"vcpus", m.vcpus},
                        {"memory_mb", m.memory_mb},
                        {"disk_mb", m.disk_mb},
                        {"timeout_sec", m.timeout_sec},
                        {"slot", m.slot},
                        {"uid", m.uid},
                        {"pid", m.process.pid},
                        {"start_ticks", static_cast<std::int64_t>(m.process.start_ticks)},
                        {"created_unix_ms", m.created_unix_ms},
                        {"kernel_version", m.kernel_version},
                        {"hypervisor", m.hypervisor},
                        {"envd_token", m.envd_token.reveal()},
                        {"metadata", texts_json(m.metadata)},
                        {"checkpoint", m.checkpoint},
                        {"boot_id", m.boot_id},
                        {"end_at_unix_ms", m.end_at_unix_ms},
                        {"on_timeout", m.is_killed_on_timeout ? "kill" : "pause"},
                        {"reason", m.reason},
                        {"network", network_json(m.network)}});
}

std::string to_json(const TemplateManifest& m) {
  return manifest_text({{"format", kManifestFormat},
                        {"name", m.name},
                        {"kernel_version", m.kernel_version},
                        {"kernel", file_json(m.kernel)},
                        {"initramfs", file_json(m.initramfs)},
                        {"accelerator", m.accelerator},
                        {"hypervisor", m.hypervisor},
                        {"hypervisor_version", m.hypervisor_version},
                        {"vcpus", m.vcpus},
                        {"memory_mb", m.memory_mb},
                        {"disk_mb", m.disk_mb},
                        {"created_unix_ms", m.created_unix_ms},
                        {"envd_version", m.envd_version},
                        {"input_hash", m.input_hash},
                        {"metadata", texts_json(m.metadata)}});
}

Result<SandboxManifest> parse_sandbox_manifest(std::string_view text) {
  WRENN_TRY_ASSIGN(const json::object object, parse_manifest_object(text));
  Fields fields(object);
  SandboxManifest m;
  m.id = fields.filled_text("id");
  m.team_id = fields.text("team_id");
  m.template_name = fields.filled_text("template");
  const auto state = stored_state_from_name(fields.filled_text("state"));
  if (!state) fields.wrong("state", "is unknown");
  m.state = state.value_or(StoredState::kRunning);
  m.vcpus = fields.number<int>("vcpus", 1, kMaxManifestVcpus);
  m.memory_mb = fields.number<int>("memory_mb", 1, kMaxManifestMb);
  m.disk_mb = fields.number<int>("disk_mb", 0, kMaxManifestMb);
  m.timeout_sec = fields.number<int>("timeout_sec", 0, kMaxTimeoutSec);
  m.slot = fields.number<int>("slot", -1, kMaxSlot);
  m.uid = fields.number<uid_t>("uid", 0, std::numeric_limits<uid_t>::max() - 1);
  m.process.pid = fields.number<pid_t>("pid", 0, std::numeric_limits<pid_t>::max());
  m.process.start_ticks = fields.number<std::uint64_t>("start_ticks", 0, kMaxInt64);
  m.created_unix_ms = fields.number<std::int64_t>("created_unix_ms", 0, kMaxInt64);
  m.kernel_version = fields.text("kernel_version");
  m.hypervisor = fields.text("hypervisor");
  m.envd_token = base::Secret(fields.text("envd_token"));
  m.metadata = fields.texts("metadata");
  m.checkpoint = fields.number<int>("checkpoint", 0, std::numeric_limits<int>::max());
  m.boot_id = fields.text("boot_id");
  m.end_at_unix_ms = fields.number<std::int64_t>("end_at_unix_ms", 0, kMaxInt64);
  const std::string on_timeout = fields.filled_text("on_timeout");
  if (on_timeout != "kill" && on_timeout != "pause") fields.wrong("on_timeout", "is unknown");
  m.is_killed_on_timeout = on_timeout == "kill";
  m.reason = fields.text("reason");
  m.network = fields.network("network");
  WRENN_TRY(fields.status());
  return m;
}

Result<TemplateManifest> parse_template_manifest(std::string_view text) {
  WRENN_TRY_ASSIGN(const json::object object, parse_manifest_object(text));
  Fields fields(object);
  TemplateManifest m;
  m.name = fields.filled_text("name");
  m.kernel_version = fields.text("kernel_version");
  m.kernel = fields.file("kernel");
  m.initramfs = fields.file("initramfs");
  m.accelerator = fields.filled_text("accelerator");
  m.hypervisor = fields.filled_text("hypervisor");
  m.hypervisor_version = fields.text("hypervisor_version");
  m.vcpus = fields.number<int>("vcpus", 1, kMaxManifestVcpus);
  m.memory_mb = fields.number<int>("memory_mb", 1, kMaxManifestMb);
  m.disk_mb = fields.number<int>("disk_mb", 0, kMaxManifestMb);
  m.created_unix_ms = fields.number<std::int64_t>("created_unix_ms", 0, kMaxInt64);
  m.envd_version = fields.text("envd_version");
  m.input_hash = fields.text("input_hash");
  m.metadata = fields.texts("metadata");
  WRENN_TRY(fields.status());
  return m;
}

Result<void> write_manifest(const Path& path, const SandboxManifest& manifest) {
  return write_checked(path, manifest, 0600, parse_sandbox_manifest);
}
Result<void> write_manifest(const Path& path, const TemplateManifest& manifest) {
  return write_checked(path, manifest, 0644, parse_template_manifest);
}
Result<SandboxManifest> read_sandbox_manifest(const Path& path) {
  return read_manifest(path, parse_sandbox_manifest);
}
Result<TemplateManifest> read_template_manifest(const Path& path) {
  return read_manifest(path, parse_template_manifest);
}

Result<Scan<SandboxManifest>> scan_sandboxes(const Layout& layout) {
  Scan<SandboxManifest> scan;
  WRENN_TRY_ASSIGN(const auto ids, layout.list_sandboxes());
  for (const auto& id : ids) {
    add<SandboxManifest>(
        scan, layout.sandbox_dir(id), read_sandbox_manifest(layout.sandbox_manifest(id)),
        [](const SandboxManifest& m, const Path& dir) { return m.id == dir.filename().native(); });
  }
  return scan;
}

Result<Scan<TemplateManifest>> scan_snapshots(const Layout& layout) {
  Scan<TemplateManifest> scan;
  WRENN_TRY_ASSIGN(const auto templates, layout.list_snapshot_templates());
  for (const auto& name : templates) {
    WRENN_TRY_ASSIGN(const auto shapes, layout.list_snapshots(name));
    for (const auto& shape : shapes) {
      add<TemplateManifest>(scan, layout.snapshot_dir(name, shape),
                            read_template_manifest(layout.snapshot_manifest(name, shape)),
                            [](const TemplateManifest& m, const Path& dir) {
                              return m.name == dir.parent_path().filename().native();
                            });
    }
  }
  return scan;
}

Result<std::string> read_image_inputs(const Path& path) {
  WRENN_TRY_ASSIGN(const std::string text, read_manifest_file(path));
  WRENN_TRY_ASSIGN(const json::object object, parse_json_object(text));
  Fields fields(object);
  std::string inputs = fields.optional_text("sha256_inputs");
  WRENN_TRY(fields.status());
  return inputs;
}

}  // namespace wrenn::storage
