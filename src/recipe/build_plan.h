// BuildPlan: what a build is asked to do, as a Dockerfile or a recipe says it. Values only: nothing
// here is expanded yet, since a variable may come from the base of a stage, which nobody has
// looked at. What an instruction comes to is found out by BuildState (build_state.h).
//
// All of src/recipe is pure: no I/O and no clock, and safe from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace wrenn::recipe {

using Duration = std::chrono::nanoseconds;

// Where something stands, for messages.
struct Source {
  std::size_t line = 0;  // Of the text, or of the list of recipe lines, from 1.
  std::string text;      // As it was written, without what was only there to continue the line.
};

// A command in shell form (a text for the shell) or in exec form (an argument vector).
struct Command {
  enum class Form { kShell, kExec };
  Form form = Form::kShell;
  std::string text;               // Of the shell form.
  std::vector<std::string> argv;  // Of the exec form; not empty then.

  static Command shell(std::string text) { return {Form::kShell, std::move(text), {}}; }
  static Command exec(std::vector<std::string> argv) { return {Form::kExec, {}, std::move(argv)}; }
  bool operator==(const Command&) const = default;
};

// A sandbox is ready when the command exits with 0.
struct ReadyCheck {
  Command command;
  Duration interval = std::chrono::seconds(3);
  Duration timeout = std::chrono::seconds(10);  // Of one try.
  Duration start_period{};                      // Failures in it are not counted.
  unsigned retries = 0;                         // Failures that are forgiven; 0: any number.
  // From the start to when the build gives up, whatever `retries` says.
  Duration deadline = std::chrono::minutes(10);
  bool operator==(const ReadyCheck&) const = default;
};

// ---- Instructions -------------------------------------------------------------------------------

struct Run {
  Command command;
  // A here-document that begins with "#!": it is written to a file and `command` is empty.
  std::optional<std::string> script;
  std::optional<Duration> timeout;  // None: the builder's own.
  std::optional<std::string> user;  // Instead of the user of the build, for this step only.
};

// COPY and ADD.
struct Copy {
  enum class Kind { kCopy, kAdd };
  // What a directory among the sources means.
  enum class Directories {
    kContents,  // Docker: what is in it goes to the destination.
    kAsCp,      // cp -r: it goes into the destination, if that is there, and else becomes it.
  };
  struct InlineFile {  // COPY <<NAME
    std::string name;
    std::string content;
    bool expand = true;  // False when NAME stands in quotes.
  };

  Kind kind = Kind::kCopy;
  Directories directories = Directories::kContents;
  // May have wildcards, except kAsCp. Of an ADD, http and https URLs too.
  std::vector<std::string> sources;
  std::vector<InlineFile> files;
  std::string destination;
  std::optional<std::size_t> from_stage;  // None and `from_image` empty: from the context.
  std::string from_image;
  std::string chown;     // "user", "user:group" or numbers; empty: the default of the dialect.
  std::string chmod;     // Octal; empty: as in the source.
  std::string checksum;  // "sha256:..." of the one URL; empty: none was given.
  std::vector<std::string> exclude;
  bool keep_parents = false;  // --parents: a source keeps its path below the destination.
  bool unpack = true;         // Of an ADD: whether local tar archives are unpacked.
};

using Pair = std::pair<std::string, std::string>;
struct Env {
  std::vector<Pair> pairs;
};
struct Arg {
  struct Item {
    std::string name;
    std::optional<std::string> value;
  };
  std::vector<Item> items;
};
struct Workdir {
  std::string path;
};
struct User {
  enum class Missing {
    kFail,
    kCreate,  // Recipes: make one that may use sudo without a password.
  };
  std::string name;  // "user", "user:group" or numbers.
  Missing missing = Missing::kFail;
};
// Recipes: starts a program in the background, and goes on. It is to run in the finished template.
struct Start {
  Command command;
};
struct Entrypoint {
  Command command;  // An empty exec form takes back what was set.
};
struct Cmd {
  Command command;  // The same.
};
struct Expose {
  std::vector<std::string> ports;
};
struct Label {
  std::vector<Pair> pairs;
};
struct Volume {
  std::vector<std::string> paths;
};
struct Healthcheck {
  std::optional<ReadyCheck> check;  // None: HEALTHCHECK NONE.
};
struct Shell {
  std::vector<std::string> argv;
};
struct StopSignal {
  std::string signal;
};

using Operation = std::variant<Run, Copy, Env, Arg, Workdir, User, Start, Entrypoint, Cmd, Expose,
                               Label, Volume, Healthcheck, Shell, StopSignal>;

// What Wrenn does around a recipe, see wrenn_recipe.h.
enum class Phase { kBefore, kBuild, kAfter };

struct Instruction {
  Source source;
  Operation operation;
  Phase phase = Phase::kBuild;
};

// ---- Stages -------------------------------------------------------------------------------------

struct Base {
  enum class Kind {
    kScratch,   // Nothing at all.
    kStage,     // What the stage `stage`, an earlier one, comes to.
    kExternal,  // `name` is that of a template, or the reference of an image.
  };
  Kind kind = Kind::kExternal;
  std::string name;  // As FROM names it, with its variables filled in.
  std::size_t stage = 0;
};

struct Stage {
  std::string name;  // Lower case; empty if it has none.
  Base base;
  Source source;
  std::vector<Instruction> instructions;

  // The earlier stages it builds on or copies from: ascending, each once.
  std::vector<std::size_t> stages_needed() const;
  // Images that are copied from (COPY --from=IMAGE), in order, each once.
  std::vector<std::string> images_copied() const;
};

enum class Dialect { kDockerfile, kRecipe };

struct Warning {
  std::size_t line = 0;  // 0: about the whole.
  std::string text;
};

using Environment = std::map<std::string, std::string>;

struct BuildPlan {
  Dialect dialect = Dialect::kDockerfile;
  char escape = '\\';
  std::vector<Stage> stages;  // Never empty.
  std::size_t target = 0;     // The stage that becomes the template.
  // Those the target needs and itself, ascending, so that each comes after what it needs. Stages
  // that do not need each other may be built side by side.
  std::vector<std::size_t> needed;
  Environment build_args;   // As the caller gave them.
  Environment global_args;  // ARGs before the first FROM and those every build has: their values.
  std::vector<Warning> warnings;

  // Instructions of the stages that are needed.
  std::size_t steps() const;
};

// What `target` needs, as BuildPlan::needed has it.
std::vector<std::size_t> stages_needed_by(const std::vector<Stage>& stages, std::size_t target);

// How long to wait before the next try (the first one, too), when `elapsed` has gone by since the
// start and `failures` tries failed that count; nothing when the build is to give up.
std::optional<Duration> pause_before_try(const ReadyCheck& check, Duration elapsed,
                                         unsigned failures);
// Whether a try that fails at `elapsed` counts.
bool failure_counts(const ReadyCheck& check, Duration elapsed);

}  // namespace wrenn::recipe
