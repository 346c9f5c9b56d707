// wrenn template builds, logs, cancel, tag and untag.
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "cli/build_watch.h"
#include "cli/builds.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/template_reference.h"
#include "cli/templates.h"

namespace wrenn::cli {
namespace {

using base::concat;
using base::Result;
using net::Task;

// A whole id as it is, without asking; else the one build whose id begins so.
Task<Result<std::string>> find_build(ApiClient& api, std::string text) {
  if (is_build_id(text)) co_return text;
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.list("/v1/builds"));
  WRENN_CO_TRY_ASSIGN(const auto builds, parse_build_list(reply));
  co_return match_build_id(builds, text);
}

// ---- builds -------------------------------------------------------------------------------------

Task<Result<int>> list(ApiClient& api, const Console& console, std::string name, Form form) {
  const std::string path =
      name.empty() ? "/v1/builds" : concat("/v1/builds?name=", base::percent_encode(name));
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.list(path));
  if (form == Form::kJson) {
    WRENN_CO_TRY(console.out_json(reply));
    co_return 0;
  }
  WRENN_CO_TRY_ASSIGN(const auto builds, parse_build_list(reply));
  if (builds.empty() && console.out_is_terminal) {
    console.say("No builds. `wrenn template build` makes one.");
    co_return 0;
  }
  WRENN_CO_TRY(console.out(build_table(builds, base::unix_ms_now(), console.out_paint)));
  co_return 0;
}

void add_builds(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("builds", "List builds of templates, newest first");
  auto name = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("NAME", *name, "Only of that template");
  command->add_flag("--json", *json, "Print the API's whole answer");
  command->callback([&session, name, json] {
    session.action = [&session, name, json] {
      return with_api(session, [&](ApiClient& api) {
        return list(api, session.console, *name, *json ? Form::kJson : Form::kText);
      });
    };
  });
}

// ---- logs ---------------------------------------------------------------------------------------

struct LogOptions {
  std::string id;
  bool follow = false;
  bool json = false;
};

// A log that is read is a result, and goes to standard output, unless a terminal shows it moving.
Task<Result<int>> show_logs(ApiClient& api, const Console& console, LogOptions options) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_build(api, options.id));
  WRENN_CO_TRY_ASSIGN(const std::string reply,
                      co_await api.call("GET", concat("/v1/builds/", base::percent_encode(id))));
  WRENN_CO_TRY_ASSIGN(const Build build, parse_build(reply));
  const bool may_move = options.follow && console.out_is_terminal;
  WRENN_CO_TRY_ASSIGN(const ProgressView view,
                      parse_progress(may_move ? "auto" : "plain", console));
  BuildWatch watch(api, console,
                   {.build_id = id,
                    .view = view,
                    .steps = build.steps,
                    .form = options.json ? Form::kJson : Form::kText,
                    .target = view == ProgressView::kPlain ? BuildDisplay::Target::kStandardOutput
                                                           : BuildDisplay::Target::kStandardError},
                   nullptr);
  if (options.follow) co_return co_await watch.run();
  co_return co_await watch.show_log();
}

void add_logs(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("logs", "Show what a build said");
  auto options = std::make_shared<LogOptions>();
  command->add_option("BUILD", options->id, "The build; a beginning of its id is enough")
      ->required();
  command->add_flag("-f,--follow", options->follow,
                    "Go on until it is over, and end with 1 unless there is a template then");
  command->add_flag("--json", options->json, "Print the lines as the API has them");
  command->callback([&session, options] {
    session.action = [&session, options] {
      return with_api(session,
                      [&](ApiClient& api) { return show_logs(api, session.console, *options); });
    };
  });
}

// ---- cancel -------------------------------------------------------------------------------------

Task<Result<std::string>> cancel_one(ApiClient& api, std::string text) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_build(api, std::move(text)));
  WRENN_CO_TRY(
      co_await api.call("POST", concat("/v1/builds/", base::percent_encode(id), "/cancel")));
  co_return id;
}

// One that cannot be canceled does not keep the others.
Task<Result<int>> cancel_all(ApiClient& api, const Console& console, std::vector<std::string> ids) {
  int status = 0;
  for (const std::string& text : ids) {
    auto canceled = co_await cancel_one(api, text);
    if (!canceled) {
      console.report(std::move(canceled).error().with_context(printable(text)));
      status = kFailed;
    } else if (console.err_is_terminal) {
      console.say(concat("canceled ", printable(*canceled)));
    }
  }
  co_return status;
}

void add_cancel(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("cancel", "End builds that are not over");
  auto ids = std::make_shared<std::vector<std::string>>();
  command->add_option("BUILD", *ids, "Beginnings of ids are enough")->required();
  command->callback([&session, ids] {
    session.action = [&session, ids] {
      return with_api(session,
                      [&](ApiClient& api) { return cancel_all(api, session.console, *ids); });
    };
  });
}

// ---- tag, untag ---------------------------------------------------------------------------------

std::string tag_path(const std::string& name, const std::string& tag) {
  return concat("/v1/snapshots/", name, "/tags/", tag);
}

Task<Result<int>> set_tag(ApiClient& api, const Console& console, TemplateReference reference,
                          std::string tag) {
  std::int64_t version = reference.version;
  if (version == 0) {
    WRENN_CO_TRY_ASSIGN(const std::string reply,
                        co_await api.call("GET", "/v1/snapshots?type=snapshot"));
    WRENN_CO_TRY_ASSIGN(const auto templates, parse_template_list(reply));
    WRENN_CO_TRY_ASSIGN(version, find_version(templates, reference));
  }
  boost::json::object body{{"version", version}};
  WRENN_CO_TRY(
      co_await api.call("PUT", tag_path(reference.name, tag), boost::json::serialize(body)));
  if (console.err_is_terminal) {
    console.say(concat(reference.name, ':', tag, " is version ", version));
  }
  co_return 0;
}

Result<int> run_tag(Session& session, const std::string& text, const std::string& tag) {
  const auto reference = parse_template_reference(text);
  if (!reference) {
    return session.console.usage(reference.error().message, reference.error().remedy);
  }
  if (!is_template_name(tag)) {
    return session.console.usage(concat("'", printable(tag), "' is no tag"),
                                 "a tag is up to 64 letters, digits, '.', '_' and '-'");
  }
  return with_api(session,
                  [&](ApiClient& api) { return set_tag(api, session.console, *reference, tag); });
}

void add_tag(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("tag", "Point a tag to a version of a template");
  auto reference = std::make_shared<std::string>();
  auto tag = std::make_shared<std::string>();
  command->add_option("TEMPLATE", *reference, "NAME@VERSION, or NAME:TAG for what that points to")
      ->required();
  command->add_option("NEWTAG", *tag, "The tag; it may be another version's until now")->required();
  command->footer("Example: wrenn template tag app@3 stable");
  command->callback([&session, reference, tag] {
    session.action = [&session, reference, tag] { return run_tag(session, *reference, *tag); };
  });
}

Task<Result<int>> remove_tag(ApiClient& api, const Console& console, TemplateReference reference) {
  WRENN_CO_TRY(co_await api.call("DELETE", tag_path(reference.name, reference.tag)));
  if (console.err_is_terminal) {
    console.say(concat("removed ", reference.name, ':', reference.tag));
  }
  co_return 0;
}

Result<int> run_untag(Session& session, const std::string& text) {
  const auto reference = parse_template_reference(text);
  if (!reference || reference->tag.empty()) {
    return session.console.usage(concat("'", printable(text), "' names no tag"), "write NAME:TAG");
  }
  return with_api(session,
                  [&](ApiClient& api) { return remove_tag(api, session.console, *reference); });
}

void add_untag(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("untag", "Take a tag away from a template");
  auto text = std::make_shared<std::string>();
  command->add_option("NAME:TAG", *text, "The tag")->required();
  command->footer("A version that was built and that no tag points to is deleted after a day.");
  command->callback([&session, text] {
    session.action = [&session, text] { return run_untag(session, *text); };
  });
}

}  // namespace

void add_template_builds_commands(CLI::App& parent, Session& session) {
  add_builds(parent, session);
  add_logs(parent, session);
  add_cancel(parent, session);
  add_tag(parent, session);
  add_untag(parent, session);
}

}  // namespace wrenn::cli
