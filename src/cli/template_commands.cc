// wrenn template ls and rm.
#include <memory>

#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/templates.h"

namespace wrenn::cli {
namespace {

net::Task<base::Result<int>> list(ApiClient& api, const Console& console, Form form) {
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("GET", "/v1/snapshots"));
  if (form == Form::kJson) {
    WRENN_CO_TRY(console.out_json(reply));
    co_return 0;
  }
  WRENN_CO_TRY_ASSIGN(const auto templates, parse_template_list(reply));
  WRENN_CO_TRY(console.out(template_table(templates, base::unix_ms_now(), console.out_paint)));
  co_return 0;
}

// One that cannot be removed does not keep the others.
net::Task<base::Result<int>> remove(ApiClient& api, const Console& console,
                                    std::vector<std::string> names) {
  int status = 0;
  for (const auto& name : names) {
    const std::string path = base::concat("/v1/snapshots/", base::percent_encode(name));
    if (auto removed = co_await api.call("DELETE", path); !removed) {
      console.report(std::move(removed).error().with_context(printable(name)));
      status = kFailed;
    } else if (console.err_is_terminal) {
      console.say(base::concat("removed ", printable(name)));
    }
  }
  co_return status;
}

void add_list(CLI::App& parent, Session& session) {
  auto* command =
      parent.add_subcommand("ls", "List templates: images, and what was made of sandboxes");
  command->alias("list");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print the API's whole answer");
  command->callback([&session, json] {
    session.action = [&session, json] {
      return with_api(session, [&](ApiClient& api) {
        return list(api, session.console, *json ? Form::kJson : Form::kText);
      });
    };
  });
}

void add_remove(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("rm", "Delete templates; sandboxes made from them go on");
  command->footer(
      "NAME deletes all its versions, NAME@VERSION that one, NAME:TAG the one the tag points to.");
  auto names = std::make_shared<std::vector<std::string>>();
  command
      ->add_option("NAME", *names,
                   "NAME, NAME:TAG or NAME@VERSION, as `wrenn template ls` shows them")
      ->required();
  command->callback([&session, names] {
    session.action = [&session, names] {
      return with_api(session,
                      [&](ApiClient& api) { return remove(api, session.console, *names); });
    };
  });
}

}  // namespace

void add_template_commands(CLI::App& app, Session& session) {
  auto* parent =
      app.add_subcommand("template", "Build, list and delete what sandboxes are made from");
  parent->require_subcommand(1);
  add_template_build_command(*parent, session);
  add_template_builds_commands(*parent, session);
  add_list(*parent, session);
  add_remove(*parent, session);
}

}  // namespace wrenn::cli
