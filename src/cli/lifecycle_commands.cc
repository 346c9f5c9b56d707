// wrenn sandbox pause, resume, hibernate, fork, snapshot and timeout.
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "cli/forks.h"
#include "cli/json_text.h"
#include "cli/lifecycle_arguments.h"
#include "cli/sandbox.h"
#include "cli/sandbox_lookup.h"
#include "cli/session.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

namespace json = boost::json;

// A change of one sandbox: pause, resume, hibernate or timeout.
struct Change {
  std::string method;
  std::string verb;
  json::object body;
  base::Duration patience = kUsualPatience;
};

struct ChangeOptions {
  std::vector<std::string> ids;
  LifecycleOptions lifecycle;
  bool disk_only = false;
};

net::Task<base::Result<void>> change_one(ApiClient& api, const Console& console, std::string text,
                                         const Change& change) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, text));
  const auto began = base::steady_now();
  WRENN_CO_TRY_ASSIGN(
      const std::string reply,
      co_await api.call(change.method, base::concat("/v1/capsules/", id, '/', change.verb),
                        json::serialize(change.body)));
  const auto took = base::to_ms(base::steady_now() - began);
  WRENN_CO_TRY_ASSIGN(const Sandbox sandbox, parse_sandbox(reply));
  if (console.err_is_terminal) {
    console.say(base::concat(sandbox.id, ": ", printable(sandbox.status), " in ", took, " ms"));
  }
  co_return {};
}

// One that fails does not keep the others.
net::Task<base::Result<int>> change_all(ApiClient& api, const Console& console,
                                        std::vector<std::string> ids, Change change) {
  int status = 0;
  for (const auto& id : ids) {
    if (auto changed = co_await change_one(api, console, id, change); !changed) {
      console.report(std::move(changed).error().with_context(printable(id)));
      status = kFailed;
    }
  }
  co_return status;
}

base::Result<int> run_change(Session& session, const ChangeOptions& options, Change change) {
  if (auto added = add_to_body(options.lifecycle, change.body); !added) {
    return session.console.usage(added.error().message, added.error().remedy);
  }
  const base::Duration patience = change.patience;
  return with_api(
      session,
      [&](ApiClient& api) {
        return change_all(api, session.console, options.ids, std::move(change));
      },
      patience);
}

void add_ids(CLI::App& command, std::vector<std::string>& ids) {
  command.add_option("ID", ids, "Beginnings of ids are enough")->required();
}

void add_pause(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("pause", "Stop sandboxes and keep them, memory and all");
  auto options = std::make_shared<ChangeOptions>();
  add_ids(*command, options->ids);
  command->add_flag("--disk", options->disk_only,
                    "Keep the files only: what runs in it ends, and it boots when it is resumed");
  command->footer("A paused sandbox costs neither memory nor CPU. Using it resumes it.");
  command->callback([&session, options] {
    session.action = [&session, options] {
      json::object body;
      body["mode"] = options->disk_only ? "disk" : "memory";
      return run_change(session, *options,
                        {.method = "POST", .verb = "pause", .body = std::move(body)});
    };
  });
}

void add_resume(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("resume", "Let paused sandboxes go on");
  auto options = std::make_shared<ChangeOptions>();
  add_ids(*command, options->ids);
  add_lifecycle_options(*command, options->lifecycle);
  command->callback([&session, options] {
    session.action = [&session, options] {
      return run_change(session, *options, {.method = "POST", .verb = "resume", .body = {}});
    };
  });
}

void add_hibernate(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("hibernate", "Move sandboxes to object storage");
  auto options = std::make_shared<ChangeOptions>();
  add_ids(*command, options->ids);
  command->footer(
      "Running ones are paused first. A hibernated sandbox takes nothing of any host; using it\n"
      "fetches it, to whichever host has room.");
  command->callback([&session, options] {
    session.action = [&session, options] {
      // All of it has to go over a network.
      return run_change(session, *options,
                        {.method = "POST",
                         .verb = "hibernate",
                         .body = {},
                         .patience = std::chrono::minutes(20)});
    };
  });
}

void add_timeout(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("timeout", "Change when sandboxes stop by themselves");
  auto options = std::make_shared<ChangeOptions>();
  add_ids(*command, options->ids);
  add_lifecycle_options(*command, options->lifecycle);
  command->footer("What is not said stays as it is; all times are counted from now.");
  command->callback([&session, options]() {
    session.action = [&session, options]() -> base::Result<int> {
      const LifecycleOptions& said = options->lifecycle;
      if (said.timeout.empty() && said.max_lifetime.empty() && said.on_timeout.empty()) {
        return session.console.usage("no time is given",
                                     "give --timeout, --max-lifetime or --on-timeout");
      }
      return run_change(session, *options, {.method = "PUT", .verb = "timeout", .body = {}});
    };
  });
}

struct ForkOptions {
  std::string id;
  int count = 1;
  LifecycleOptions lifecycle;
  bool json = false;
};

net::Task<base::Result<int>> fork(ApiClient& api, const Console& console, ForkOptions options,
                                  json::object body) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, options.id));
  body["count"] = options.count;
  const auto began = base::steady_now();
  WRENN_CO_TRY_ASSIGN(
      const std::string reply,
      co_await api.call("POST", base::concat("/v1/capsules/", id, "/fork"), json::serialize(body)));
  const auto took = base::to_ms(base::steady_now() - began);
  WRENN_CO_TRY_ASSIGN(const auto forks, parse_forks(reply));
  int status = 0;
  int running = 0;
  for (const auto& one : forks) {
    if (one.error.empty()) {
      ++running;
      if (!options.json) WRENN_CO_TRY(console.out(printable(one.id) + "\n"));
    } else {
      console.report(base::Error(base::Code::kInternal, printable(one.error))
                         .with_context("a copy could not be made"));
      status = kFailed;
    }
  }
  if (options.json) {
    WRENN_CO_TRY(console.out_json(reply));
  } else if (console.err_is_terminal) {
    console.say(console.err_paint.dim(base::concat(
        running, running == 1 ? " copy of " : " copies of ", id, " in ", took, " ms")));
  }
  co_return status;
}

void add_fork(CLI::App& sandbox, Session& session) {
  auto* command =
      sandbox.add_subcommand("fork", "Copy a sandbox as it is now, memory and all; print the ids");
  auto options = std::make_shared<ForkOptions>();
  command->add_option("ID", options->id, "The sandbox; a beginning of its id is enough")
      ->required();
  command->add_option("--count", options->count, "How many copies")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  add_lifecycle_options(*command, options->lifecycle);
  command->add_flag("--json", options->json, "Print the API's whole answer");
  command->callback([&session, options] {
    session.action = [&session, options]() -> base::Result<int> {
      auto body = lifecycle_body(options->lifecycle);
      if (!body) return session.console.usage(body.error().message, body.error().remedy);
      return with_api(session, [&](ApiClient& api) {
        return fork(api, session.console, *options, *std::move(body));
      });
    };
  });
}

struct SnapshotOptions {
  std::string id;
  std::string name;
  bool json = false;
};

net::Task<base::Result<int>> snapshot(ApiClient& api, const Console& console,
                                      SnapshotOptions options) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, options.id));
  json::object body;
  body["sandbox_id"] = id;
  if (!options.name.empty()) body["name"] = options.name;
  WRENN_CO_TRY_ASSIGN(const std::string reply,
                      co_await api.call("POST", "/v1/snapshots", json::serialize(body)));
  if (options.json) {
    WRENN_CO_TRY(console.out_json(reply));
    co_return 0;
  }
  WRENN_CO_TRY_ASSIGN(const json::value made, parse_json(reply));
  const auto* object = made.if_object();
  const std::string name = object != nullptr ? printable(string_field(*object, "name")) : "";
  WRENN_CO_TRY(console.out(name + "\n"));
  if (console.err_is_terminal) {
    console.say(
        console.err_paint.dim(base::concat("next: wrenn sandbox create --template ", name)));
  }
  co_return 0;
}

void add_snapshot(CLI::App& sandbox, Session& session) {
  auto* command =
      sandbox.add_subcommand("snapshot", "Make a template of a sandbox and print its name");
  auto options = std::make_shared<SnapshotOptions>();
  command->add_option("ID", options->id, "The sandbox; a beginning of its id is enough")
      ->required();
  command->add_option("--name", options->name, "Of the template; made up when it is left out");
  command->add_flag("--json", options->json, "Print the API's whole answer");
  command->footer("The sandbox goes on. What is made from the template begins as it is now.");
  command->callback([&session, options] {
    session.action = [&session, options] {
      return with_api(session,
                      [&](ApiClient& api) { return snapshot(api, session.console, *options); });
    };
  });
}

}  // namespace

void add_lifecycle_commands(CLI::App& sandbox, Session& session) {
  add_pause(sandbox, session);
  add_resume(sandbox, session);
  add_hibernate(sandbox, session);
  add_fork(sandbox, session);
  add_snapshot(sandbox, session);
  add_timeout(sandbox, session);
}

}  // namespace wrenn::cli
