// wrenn template build.
#include <csignal>
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/build_context.h"
#include "cli/build_display.h"
#include "cli/build_request.h"
#include "cli/build_watch.h"
#include "cli/multipart.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/table.h"
#include "net/signals.h"

namespace wrenn::cli {
namespace {

using base::concat;
using base::Result;
using net::Task;

struct CommandOptions {
  BuildOptions build;
  bool detach = false;
  bool json = false;
  std::string progress = "auto";
};

// All that is known before the API is asked.
struct Prepared {
  DefinitionFile definition;
  TemplateReference name;
  recipe::Environment build_args;
  std::int64_t steps = 0;
  ProgressView view = ProgressView::kPlain;
  std::size_t files = 0;
  std::optional<ContextArchive> context;  // None: the build copies nothing.
};

void show_warnings(const Console& console, const std::vector<recipe::Warning>& warnings) {
  for (const recipe::Warning& warning : warnings) {
    const std::string where = warning.line > 0 ? concat("line ", warning.line, ": ") : "";
    console.say(concat(console.err_paint.yellow("warning:"), ' ', where, printable(warning.text)));
  }
}

Result<void> pack(const Console& console, const BuildOptions& options, Prepared& prepared) {
  WRENN_TRY_ASSIGN(const auto ignore, read_ignore_file(options.path, prepared.definition.path));
  WRENN_TRY_ASSIGN(const ContextListing listing, list_context(options.path, ignore));
  for (const std::string& path : listing.skipped) {
    console.say(concat(console.err_paint.yellow("warning:"), " '", printable(path),
                       "' is no file, directory or link, and does not go along"));
  }
  TransferDisplay display(console, "reading files", listing.size);
  WRENN_TRY_ASSIGN(prepared.context, pack_context(options.path, listing, [&](std::uint64_t bytes) {
                     display.update(bytes);
                   }));
  prepared.files = listing.files;
  return {};
}

// What can be wrong with the command line.
Result<void> read_line(const Session& session, const CommandOptions& options, Prepared& prepared) {
  WRENN_TRY_ASSIGN(prepared.view, parse_progress(options.progress, session.console));
  WRENN_TRY_ASSIGN(prepared.name, name_to_build(options.build));
  WRENN_TRY(check_options(options.build, prepared.definition.dialect));
  WRENN_TRY_ASSIGN(prepared.build_args,
                   parse_build_args(options.build.build_args, session.environment));
  return {};
}

// What can be wrong with the definition and its files, which is said before anything is sent.
Result<void> read_files(const Console& console, const BuildOptions& options, Prepared& prepared) {
  WRENN_TRY_ASSIGN(const recipe::BuildPlan plan,
                   plan_of(prepared.definition, options, prepared.build_args));
  show_warnings(console, plan.warnings);
  prepared.steps = static_cast<std::int64_t>(plan.steps());
  if (copies_from_context(plan)) WRENN_TRY(pack(console, options, prepared));
  return {};
}

// Nothing is sent that is there already.
Task<Result<void>> send_context(ApiClient& api, const Console& console,
                                const ContextArchive& context, std::size_t files) {
  const std::string path = concat("/v1/builds/contexts/", context.digest);
  const std::string what =
      concat(files, files == 1 ? " file (" : " files (", base::human_bytes(context.size), ")");
  const auto found = co_await api.call("GET", path);
  if (found) {
    console.say(console.err_paint.dim(concat(what, ": there already")));
    co_return {};
  }
  if (found.error().code != base::Code::kNotFound) co_return base::fail(found.error());
  {
    TransferDisplay display(console, "sending files", context.size);
    FdSource bytes(context.file.get(), [&](std::uint64_t n) { display.update(n); });
    net::ClientRequest request{.method = "PUT", .target = path, .stream = &bytes};
    request.headers.set("Content-Type", "application/x-tar");
    request.stream_length = context.size;
    WRENN_CO_TRY_ASSIGN(net::ClientResponse response, co_await api.send(std::move(request)));
    WRENN_CO_TRY(co_await net::read_all(response, 1 << 20));
  }
  console.say(console.err_paint.dim(concat(what, " sent")));
  co_return {};
}

Task<Result<int>> build(ApiClient& api, const Console& console, const CommandOptions& options,
                        const Prepared& prepared) {
  if (prepared.context) {
    WRENN_CO_TRY(co_await send_context(api, console, *prepared.context, prepared.files));
  }
  WRENN_CO_TRY_ASSIGN(
      const std::string body,
      request_body(prepared.definition, options.build, prepared.name, prepared.build_args,
                   prepared.context ? prepared.context->digest : std::string()));
  // From here on there is something to cancel; before, Ctrl-C just ends this program.
  std::optional<net::Signals> signals;
  if (!options.detach) {
    WRENN_CO_TRY_ASSIGN(net::Signals blocked, net::Signals::create({SIGINT, SIGTERM}));
    signals.emplace(std::move(blocked));
  }
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("POST", "/v1/builds", body));
  WRENN_CO_TRY_ASSIGN(const Build made, parse_build(reply));
  if (options.detach) {
    WRENN_CO_TRY(options.json ? console.out_json(reply)
                              : console.out(concat(printable(made.id), '\n')));
    if (console.err_is_terminal) {
      console.say(
          console.err_paint.dim(concat("next: wrenn template logs --follow ", printable(made.id))));
    }
    co_return 0;
  }
  BuildWatch watch(api, console,
                   {.build_id = made.id,
                    .view = prepared.view,
                    .steps = prepared.steps,
                    .form = options.json ? Form::kJson : Form::kText},
                   &*signals);
  console.say(console.err_paint.dim(concat("building ", prepared.name.name, ':', prepared.name.tag,
                                           ", ", printable(made.id),
                                           console.err_is_terminal ? "; Ctrl-C cancels it" : "")));
  co_return co_await watch.run();
}

Result<int> run(Session& session, const CommandOptions& options) {
  Prepared prepared;
  WRENN_TRY_ASSIGN(prepared.definition, find_definition(options.build));
  if (const auto read = read_line(session, options, prepared); !read) {
    return session.console.usage(read.error().message, read.error().remedy);
  }
  WRENN_TRY(read_files(session.console, options.build, prepared));
  net::ignore_sigpipe();
  return with_api(session,
                  [&](ApiClient& api) { return build(api, session.console, options, prepared); });
}

void add_options(CLI::App& command, CommandOptions& options) {
  BuildOptions& build = options.build;
  command.add_option("PATH", build.path, "The directory with the files that the build copies; .");
  command.add_option("--name", build.name,
                     "NAME or NAME:TAG of the template; else that of the directory, and latest");
  command.add_option("-f,--file", build.file,
                     "The Dockerfile or recipe; else PATH/Dockerfile or PATH/wrenn.recipe");
  command.add_flag("--recipe", build.is_recipe,
                   "FILE is a recipe; one that ends in .recipe or .recipefile is so anyway");
  command
      .add_option("--build-arg", build.build_args,
                  "NAME=VALUE for ARG, or NAME for that variable; any number of times")
      ->allow_extra_args(false);
  command.add_option("--target", build.target,
                     "The stage that becomes the template; else the last");
  command.add_option("--base", build.base, "The template a recipe begins with; else minimal");
  command.add_flag("--no-pre-post", build.no_pre_post,
                   "Do nothing before and after a recipe's own steps");
  command.add_option("--cpus,--vcpus", build.vcpus, "Virtual CPUs, 1 to 32")
      ->check(CLI::Range(1, 32));
  command.add_option("--memory", build.memory_mb, "MB, 128 to 65536")
      ->check(CLI::Range(128, 65536));
  command.add_option("--disk", build.disk_mb, "MB, 1024 to 1048576")
      ->check(CLI::Range(1024, 1048576));
  command.add_option("--start", build.start_command, "A command that runs in the template");
  command.add_option("--ready", build.ready_check,
                     "When that is ready: [--interval=3s] [--timeout=10s] ... COMMAND");
  command.add_flag("--no-cache", build.no_cache, "Do every step anew");
  command.add_flag("--detach", options.detach, "Print the id of the build, do not wait");
  command.add_flag("--json", options.json,
                   "Print the lines of the log as the API has them; with --detach its answer");
  command.add_option("--progress", options.progress, "auto, plain or tty")
      ->check(CLI::IsMember({"auto", "plain", "tty"}));
}

}  // namespace

void add_template_build_command(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("build", "Build a template from a Dockerfile or a recipe");
  auto options = std::make_shared<CommandOptions>();
  add_options(*command, *options);
  command->footer(
      "What stands in .dockerignore does not go along. Prints NAME@VERSION; the exit status is 1\n"
      "when the build fails. Ctrl-C cancels the build, and a second one leaves at once.\n\n"
      "Examples:\n"
      "  wrenn template build . --name app\n"
      "  wrenn template build . --name app:next --build-arg VERSION=2 --target runtime\n"
      "  wrenn template build --file agent.recipe --cpus 2 --memory 2048");
  command->callback([&session, options] {
    session.action = [&session, options] { return run(session, *options); };
  });
}

}  // namespace wrenn::cli
