#include "recipe/cache_key.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "base/crypto.h"

namespace wrenn::recipe {
namespace {

// Numbers have eight bytes; texts and lists have their length in front. What is read from the
// beginning can so be read in one way only.
class KeyWriter {
 public:
  explicit KeyWriter(std::string_view what) {
    text("wrenn layer");
    number(kBuilderVersion);
    text(what);
  }

  void number(std::uint64_t value) {
    for (int byte = 0; byte < 8; ++byte) bytes_ += static_cast<char>(value >> (8 * byte) & 0xff);
  }
  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }
  void texts(const std::vector<std::string>& values) {
    number(values.size());
    for (const std::string& value : values) text(value);
  }

  void process(const Process& process, const std::set<std::string>& not_in_key) {
    texts(process.argv);
    std::vector<std::string> environment;
    for (const auto& [name, value] : process.environment) {
      if (not_in_key.contains(name)) continue;
      environment.push_back(name);
      environment.push_back(value);
    }
    texts(environment);
    text(process.workdir);
    text(process.user);
  }

  LayerKey key() const { return base::sha256_hex(bytes_); }

 private:
  std::string bytes_;
};

void write(KeyWriter& out, const Execute& execute) {
  out.text("execute");
  out.process(execute.process, execute.not_in_key);
  out.number(execute.script ? 1 : 0);
  out.text(execute.script.value_or(""));
}

void write(KeyWriter& out, const Launch& launch) {
  out.text("launch");
  out.process(launch.process, {});
}

void write(KeyWriter& out, const MakeDirectory& directory) {
  out.text("directory");
  out.text(directory.path);
  out.text(directory.owner);
}

void write(KeyWriter& out, const EnsureUser& user) {
  out.text("user");
  out.text(user.name);
}

void write(KeyWriter& out, const CopyFiles& files) {
  const Copy& copy = files.copy;
  out.text("copy");
  out.number(copy.kind == Copy::Kind::kAdd ? 1 : 0);
  out.number(copy.directories == Copy::Directories::kAsCp ? 1 : 0);
  out.number(copy.keep_parents ? 1 : 0);
  out.number(copy.unpack ? 1 : 0);
  out.text(copy.destination);
  out.text(files.owner);
  out.text(copy.chmod);
  out.texts(files.urls);
  out.number(copy.files.size());
  for (const Copy::InlineFile& file : copy.files) {
    out.text(file.name);
    out.text(file.content);
  }
  // Of the context it is only the files that count, and not by which words they were named.
  const bool from_context = !copy.from_stage && copy.from_image.empty();
  out.texts(from_context ? std::vector<std::string>() : copy.sources);
  out.texts(from_context ? std::vector<std::string>() : copy.exclude);
}

void write_inputs(KeyWriter& out, const StepInputs& inputs) {
  std::vector<const CopiedFile*> files;
  for (const CopiedFile& file : inputs.files) files.push_back(&file);
  const auto order = [](const CopiedFile* file) {
    return std::tie(file->path, file->type, file->mode, file->digest);
  };
  std::ranges::sort(files, {}, order);
  out.number(files.size());
  for (const CopiedFile* file : files) {
    out.text(file->path);
    out.number(static_cast<std::uint64_t>(file->type));
    out.number(file->mode);
    out.text(file->digest);
  }
  out.text(inputs.from);
}

}  // namespace

LayerKey base_key(std::string_view kind, std::string_view identity) {
  KeyWriter out("base");
  out.text(kind);
  out.text(identity);
  return out.key();
}

LayerKey step_key(const LayerKey& parent, const Action& action, const StepInputs& inputs) {
  if (std::holds_alternative<std::monostate>(action)) return parent;
  KeyWriter out("step");
  out.text(parent);
  std::visit(
      [&out](const auto& what) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(what)>, std::monostate>) {
          write(out, what);
        }
      },
      action);
  write_inputs(out, inputs);
  return out.key();
}

}  // namespace wrenn::recipe
