#include "storage/checkpoint_manifest.h"

#include "storage/manifest_fields.h"

namespace wrenn::storage {
namespace {

using base::Result;

constexpr int kMaxLayers = 64;

std::string formats_text(const std::vector<DiskFormat>& formats) {
  std::vector<std::string> names;
  for (const auto format : formats) names.emplace_back(format_name(format));
  return base::join(names, ",");
}

// An empty list for anything but a list of known names.
std::vector<DiskFormat> formats_in(std::string_view text) {
  std::vector<DiskFormat> formats;
  for (const auto name : base::split(text, ',')) {
    const auto format = format_from_name(name);
    if (!format) return {};
    formats.push_back(*format);
  }
  return formats;
}

}  // namespace

std::string to_json(const CheckpointManifest& m) {
  return manifest_text({{"format", kManifestFormat},
                        {"vcpus", m.vcpus},
                        {"memory_mb", m.memory_mb},
                        {"disk_mb", m.disk_mb},
                        {"has_memory", m.has_memory ? 1 : 0},
                        {"memory_layers", m.memory_layers},
                        {"disks", formats_text(m.disks)},
                        {"kernel_version", m.kernel_version},
                        {"envd_version", m.envd_version},
                        {"hypervisor", m.hypervisor},
                        {"hypervisor_version", m.hypervisor_version},
                        {"accelerator", m.accelerator},
                        {"processor", m.processor},
                        {"envd_token", m.envd_token.reveal()},
                        {"default_user", m.defaults.user},
                        {"default_workdir", m.defaults.workdir},
                        {"default_env", texts_json(m.defaults.env)},
                        {"created_unix_ms", m.created_unix_ms}});
}

Result<CheckpointManifest> parse_checkpoint_manifest(std::string_view text) {
  WRENN_TRY_ASSIGN(const boost::json::object object, parse_manifest_object(text));
  Fields fields(object);
  CheckpointManifest m;
  m.vcpus = fields.number<int>("vcpus", 1, kMaxManifestVcpus);
  m.memory_mb = fields.number<int>("memory_mb", 1, kMaxManifestMb);
  m.disk_mb = fields.number<int>("disk_mb", 0, kMaxManifestMb);
  m.has_memory = fields.number<int>("has_memory", 0, 1) == 1;
  m.memory_layers = fields.number<int>("memory_layers", 0, kMaxLayers);
  constexpr std::size_t kMaxFormats = kMaxChainDisks * 6;
  m.disks = formats_in(fields.filled_text("disks", kMaxFormats));
  if (m.disks.empty() || m.disks.size() > kMaxChainDisks) fields.wrong("disks", "is invalid");
  m.kernel_version = fields.text("kernel_version");
  m.envd_version = fields.text("envd_version");
  m.hypervisor = fields.filled_text("hypervisor");
  m.hypervisor_version = fields.text("hypervisor_version");
  m.accelerator = fields.filled_text("accelerator");
  m.processor = fields.text("processor");
  m.envd_token = base::Secret(fields.text("envd_token"));
  m.defaults.user = fields.optional_text("default_user");
  m.defaults.workdir = fields.optional_text("default_workdir", kMaxManifestPath);
  if (object.contains("default_env")) m.defaults.env = fields.texts("default_env");
  m.created_unix_ms = fields.number<std::int64_t>("created_unix_ms", 0, kMaxInt64);
  WRENN_TRY(fields.status());
  return m;
}

Result<void> write_manifest(const Path& path, const CheckpointManifest& manifest) {
  return write_checked(path, manifest, 0600, parse_checkpoint_manifest);
}

Result<CheckpointManifest> read_checkpoint_manifest(const Path& path) {
  return read_manifest(path, parse_checkpoint_manifest);
}

}  // namespace wrenn::storage
