#include "storage/manifest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;
using base::Result;
namespace json = boost::json;

constexpr int kMaxVcpus = 256;
constexpr int kMaxMb = 4 << 20;
constexpr int kMaxTimeoutSec = 366 * 24 * 3600;
constexpr int kMaxSlot = 1 << 20;
constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxText = 256;
constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

constexpr std::array<std::pair<StoredState, std::string_view>, 6> kStateNames = {{
    {StoredState::kCreating, "creating"},
    {StoredState::kRunning, "running"},
    {StoredState::kPausing, "pausing"},
    {StoredState::kPaused, "paused"},
    {StoredState::kResuming, "resuming"},
    {StoredState::kDestroying, "destroying"},
}};

// Takes the fields of one object, one call each, and remembers the first that is wrong, so that
// the readers below stay lists of fields.
class Fields {
 public:
  explicit Fields(const json::object& object) : object_(object) {}

  std::string text(std::string_view name, std::size_t max = kMaxText) {
    const json::value* value = find(name);
    if (value == nullptr) return {};
    if (!value->is_string()) return wrong(name, "is not a text"), std::string{};
    if (value->get_string().size() > max) return wrong(name, "is too long"), std::string{};
    return std::string(value->get_string());
  }

  std::string filled_text(std::string_view name, std::size_t max = kMaxText) {
    std::string value = text(name, max);
    if (value.empty()) wrong(name, "is empty");
    return value;
  }

  template <std::integral T>
  T number(std::string_view name, std::int64_t min, std::int64_t max) {
    const json::value* value = find(name);
    if (value == nullptr) return {};
    if (!value->is_int64()) return wrong(name, "is not a whole number"), T{};
    const std::int64_t n = value->get_int64();
    if (n < min || n > max) return wrong(name, "is out of range"), T{};
    return static_cast<T>(n);
  }

  std::map<std::string, std::string> texts(std::string_view name) {
    std::map<std::string, std::string> out;
    const json::value* value = find(name);
    if (value == nullptr) return out;
    if (!value->is_object()) return wrong(name, "is not an object"), out;
    if (value->get_object().size() > kMaxMetadataEntries) return wrong(name, "is too large"), out;
    for (const auto& entry : value->get_object()) {
      const bool valid = entry.value().is_string() && entry.key().size() <= kMaxMetadataKey &&
                         entry.value().get_string().size() <= kMaxMetadataValue;
      if (!valid) return wrong(name, "has an invalid entry"), out;
      out.emplace(entry.key(), entry.value().get_string());
    }
    return out;
  }

  const json::object& object(std::string_view name) {
    static const json::object kEmpty;
    const json::value* value = find(name);
    if (value == nullptr) return kEmpty;
    if (!value->is_object()) return wrong(name, "is not an object"), kEmpty;
    return value->get_object();
  }

  FileStamp file(std::string_view name) {
    Fields inner(object(name));
    FileStamp stamp;
    stamp.path = inner.filled_text("path", kMaxPath);
    stamp.sha256 = inner.text("sha256");
    stamp.size = inner.number<std::uint64_t>("size", 0, kMaxInt64);
    if (!stamp.sha256.empty() && stamp.sha256.size() != 64) inner.wrong("sha256", "is invalid");
    if (inner.problem_) wrong(name, concat("is invalid: ", inner.problem_->message));
    return stamp;
  }

  void wrong(std::string_view name, std::string_view what) {
    if (problem_) return;
    problem_ = base::Error(Code::kDataLoss, concat("field \"", name, "\" ", what));
  }

  Result<void> status() const {
    if (problem_) return base::fail(*problem_);
    return {};
  }

 private:
  const json::value* find(std::string_view name) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr) wrong(name, "is missing");
    return value;
  }

  const json::object& object_;
  std::optional<base::Error> problem_;
};

json::object metadata_json(const std::map<std::string, std::string>& metadata) {
  json::object out;
  for (const auto& [key, value] : metadata) out.emplace(key, value);
  return out;
}

json::object file_json(const FileStamp& stamp) {
  return {{"path", stamp.path.native()},
          {"sha256", stamp.sha256},
          {"size", static_cast<std::int64_t>(stamp.size)}};
}

Result<json::object> parse_object(std::string_view text) {
  json::parse_options options;
  options.max_depth = 8;
  if (text.size() > kMaxManifestBytes) return base::fail(Code::kDataLoss, "too large");
  json::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error) return base::fail(Code::kDataLoss, concat("not valid JSON: ", error.message()));
  if (!value.is_object()) return base::fail(Code::kDataLoss, "not a JSON object");

  Fields fields(value.get_object());
  const int format = fields.number<int>("format", 1, std::numeric_limits<int>::max());
  WRENN_TRY(fields.status());
  if (format > kManifestFormat) {
    return base::fail(Code::kFailedPrecondition,
                      concat("format ", format, " is newer than this program knows"),
                      "upgrade Wrenn on this host");
  }
  return std::move(value.get_object());
}

// Whoever can write into a sandbox's directory must not make us block on a FIFO or follow a link.
Result<std::string> read_plain_file(const Path& path) {
  WRENN_TRY_ASSIGN(base::Fd fd, base::open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return base::fail_errno(errno, "cannot stat");
  if (!S_ISREG(info.st_mode)) return base::fail(Code::kDataLoss, "not a regular file");
  return base::read_file(concat("/proc/self/fd/", fd.get()), kMaxManifestBytes);
}

template <class Manifest>
Result<Manifest> read_manifest(const Path& path, Result<Manifest> (*parse)(std::string_view)) {
  auto text = read_plain_file(path);
  auto manifest = text ? parse(*text) : base::fail(std::move(text).error());
  if (!manifest) return base::fail(std::move(manifest).error().with_context(path.native()));
  return manifest;
}

// Refuses now what nobody could read back later.
template <class Manifest>
Result<void> write_checked(const Path& path, const Manifest& manifest, mode_t mode,
                           Result<Manifest> (*parse)(std::string_view)) {
  const std::string text = to_json(manifest);
  if (auto parsed = parse(text); !parsed) {
    return base::fail(Code::kInvalidArgument,
                      concat("writing ", path.native(), ": ", parsed.error().message));
  }
  return base::write_file_atomic(path, text, mode);
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

std::string with_newline(const json::object& object) {
  return json::serialize(object) + "\n";
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

std::string to_json(const SandboxManifest& m) {
  return with_newline({{"format", kManifestFormat},
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
                       {"metadata", metadata_json(m.metadata)},
                       {"step", m.step},
                       {"step_started_unix_ms", m.step_started_unix_ms}});
}

std::string to_json(const TemplateManifest& m) {
  return with_newline({{"format", kManifestFormat},
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
                       {"metadata", metadata_json(m.metadata)}});
}

Result<SandboxManifest> parse_sandbox_manifest(std::string_view text) {
  WRENN_TRY_ASSIGN(const json::object object, parse_object(text));
  Fields fields(object);
  SandboxManifest m;
  m.id = fields.filled_text("id");
  m.team_id = fields.text("team_id");
  m.template_name = fields.filled_text("template");
  const auto state = stored_state_from_name(fields.filled_text("state"));
  if (!state) fields.wrong("state", "is unknown");
  m.state = state.value_or(StoredState::kCreating);
  m.vcpus = fields.number<int>("vcpus", 1, kMaxVcpus);
  m.memory_mb = fields.number<int>("memory_mb", 1, kMaxMb);
  m.disk_mb = fields.number<int>("disk_mb", 0, kMaxMb);
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
  m.step = fields.text("step");
  m.step_started_unix_ms = fields.number<std::int64_t>("step_started_unix_ms", 0, kMaxInt64);
  WRENN_TRY(fields.status());
  return m;
}

Result<TemplateManifest> parse_template_manifest(std::string_view text) {
  WRENN_TRY_ASSIGN(const json::object object, parse_object(text));
  Fields fields(object);
  TemplateManifest m;
  m.name = fields.filled_text("name");
  m.kernel_version = fields.text("kernel_version");
  m.kernel = fields.file("kernel");
  m.initramfs = fields.file("initramfs");
  m.accelerator = fields.filled_text("accelerator");
  m.hypervisor = fields.filled_text("hypervisor");
  m.hypervisor_version = fields.text("hypervisor_version");
  m.vcpus = fields.number<int>("vcpus", 1, kMaxVcpus);
  m.memory_mb = fields.number<int>("memory_mb", 1, kMaxMb);
  m.disk_mb = fields.number<int>("disk_mb", 0, kMaxMb);
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

}  // namespace wrenn::storage
