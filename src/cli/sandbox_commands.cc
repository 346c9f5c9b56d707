// wrenn sandbox create, ls, info and rm.
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "cli/json_text.h"
#include "cli/labels.h"
#include "cli/lifecycle_arguments.h"
#include "cli/network_arguments.h"
#include "cli/sandbox.h"
#include "cli/sandbox_lookup.h"
#include "cli/session.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

struct CreateOptions {
  std::string template_name = "minimal";
  std::int64_t vcpus = 0;
  std::int64_t memory_mb = 0;
  std::int64_t disk_mb = 0;
  LifecycleOptions lifecycle;
  NetworkOptions network;
  bool no_auto_resume = false;
  std::vector<std::string> labels;
  std::vector<std::string> host_labels;
  bool json = false;
};

struct ListOptions {
  std::string status;
  std::string template_name;
  std::vector<std::string> labels;
  bool json = false;
};

base::Result<void> add_labels(std::string_view field, const std::vector<std::string>& words,
                              boost::json::object& body) {
  WRENN_TRY_ASSIGN(const auto labels, parse_labels(words, false));
  boost::json::object named;
  for (const auto& [name, value] : labels) named[name] = *value;
  if (!named.empty()) body[field] = std::move(named);
  return {};
}

// Numbers that were not given are left to the API.
base::Result<std::string> create_body(const CreateOptions& options) {
  boost::json::object body;
  body["template"] = options.template_name;
  if (options.vcpus > 0) body["vcpus"] = options.vcpus;
  if (options.memory_mb > 0) body["memory_mb"] = options.memory_mb;
  if (options.disk_mb > 0) body["disk_mb"] = options.disk_mb;
  if (options.no_auto_resume) body["auto_resume"] = false;
  WRENN_TRY(add_labels("labels", options.labels, body));
  WRENN_TRY(add_labels("host_labels", options.host_labels, body));
  WRENN_TRY(add_to_body(options.lifecycle, body));
  boost::json::object network;
  WRENN_TRY(apply(options.network, network));
  if (!network.empty()) body["network"] = std::move(network);
  return boost::json::serialize(body);
}

net::Task<base::Result<int>> create(ApiClient& api, const Console& console, CreateOptions options,
                                    std::string body) {
  const auto begin = base::steady_now();
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("POST", "/v1/capsules", body));
  const auto took = base::to_ms(base::steady_now() - begin);
  if (options.json) {
    WRENN_CO_TRY(console.out_json(reply));
    co_return 0;
  }
  WRENN_CO_TRY_ASSIGN(const Sandbox sandbox, parse_sandbox(reply));
  WRENN_CO_TRY(console.out(sandbox.id + "\n"));
  if (console.err_is_terminal) {
    console.say(console.err_paint.dim(base::concat(
        printable(sandbox.status), " in ", took, " ms: ", printable(sandbox.template_name), ", ",
        sandbox.vcpus, sandbox.vcpus == 1 ? " vCPU, " : " vCPUs, ", sandbox.memory_mb, " MB")));
    console.say(console.err_paint.dim(
        base::concat("next: wrenn sandbox exec ", sandbox.id, " -- uname -a")));
  }
  co_return 0;
}

base::Result<std::string> list_path(const ListOptions& options) {
  std::vector<std::string> parameters;
  const auto add = [&parameters](std::string_view name, std::string_view value) {
    if (!value.empty()) parameters.push_back(base::concat(name, '=', base::percent_encode(value)));
  };
  add("status", options.status);
  add("template", options.template_name);
  WRENN_TRY_ASSIGN(const auto labels, parse_labels(options.labels, false));
  for (const auto& [name, value] : labels) add("label", base::concat(name, '=', *value));
  return base::concat("/v1/capsules", parameters.empty() ? "" : "?", base::join(parameters, "&"));
}

net::Task<base::Result<int>> list(ApiClient& api, const Console& console, std::string path,
                                  Form form) {
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.list(std::move(path)));
  if (form == Form::kJson) {
    WRENN_CO_TRY(console.out_json(reply));
    co_return 0;
  }
  WRENN_CO_TRY_ASSIGN(const auto sandboxes, parse_sandbox_list(reply));
  if (sandboxes.empty() && console.out_is_terminal) {
    console.say("No sandboxes. Create one with `wrenn sandbox create`.");
    co_return 0;
  }
  WRENN_CO_TRY(console.out(sandbox_table(sandboxes, base::unix_ms_now(), console.out_paint)));
  co_return 0;
}

std::string text_of(const boost::json::value& value) {
  if (const auto* text = value.if_string()) return {text->data(), text->size()};
  return boost::json::serialize(value);
}

// Every field as "name  value"; those of nested objects as "outer.name".
void collect_fields(const boost::json::object& object, const std::string& prefix,
                    std::vector<std::pair<std::string, std::string>>& fields) {
  for (const auto& field : object) {
    const std::string name = prefix + std::string(field.key().data(), field.key().size());
    if (const auto* inner = field.value().if_object()) {
      collect_fields(*inner, name + ".", fields);
    } else {
      fields.emplace_back(name, text_of(field.value()));
    }
  }
}

std::string describe(const boost::json::object& object, const Paint& paint) {
  std::vector<std::pair<std::string, std::string>> fields;
  collect_fields(object, "", fields);
  std::size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, name.size());
  std::string out;
  for (const auto& [name, value] : fields) {
    const std::string padding(width - name.size(), ' ');
    out += base::concat(paint.dim(printable(name)), padding, "  ", printable(value), '\n');
  }
  return out;
}

net::Task<base::Result<int>> info(ApiClient& api, const Console& console, std::string text,
                                  Form form) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, text));
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("GET", "/v1/capsules/" + id));
  const auto value = parse_json(reply);
  const auto* object = value ? value->if_object() : nullptr;
  if (form == Form::kJson || object == nullptr) {
    WRENN_CO_TRY(console.out_json(reply));
  } else {
    WRENN_CO_TRY(console.out(describe(*object, console.out_paint)));
  }
  co_return 0;
}

net::Task<base::Result<void>> remove_one(ApiClient& api, std::string text) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, text));
  WRENN_CO_TRY(co_await api.call("DELETE", "/v1/capsules/" + id));
  co_return {};
}

// One that cannot be removed does not keep the others alive.
net::Task<base::Result<int>> remove(ApiClient& api, const Console& console,
                                    std::vector<std::string> ids) {
  int status = 0;
  for (const auto& id : ids) {
    if (auto removed = co_await remove_one(api, id); !removed) {
      console.report(std::move(removed).error().with_context(printable(id)));
      status = kFailed;
    } else if (console.err_is_terminal) {
      console.say(base::concat("removed ", printable(id)));
    }
  }
  co_return status;
}

void add_create(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("create", "Create a sandbox and print its id");
  auto options = std::make_shared<CreateOptions>();
  command->add_option("--template", options->template_name, "What it starts from")
      ->capture_default_str();
  command->add_option("--vcpus", options->vcpus, "Virtual CPUs")->check(CLI::PositiveNumber);
  command->add_option("--memory", options->memory_mb, "Memory in MB")->check(CLI::PositiveNumber);
  command->add_option("--disk", options->disk_mb, "Disk in MB")->check(CLI::PositiveNumber);
  add_lifecycle_options(*command, options->lifecycle);
  command->add_flag("--no-auto-resume", options->no_auto_resume,
                    "Once it is paused, only `wrenn sandbox resume` resumes it");
  command->add_option("--label", options->labels, "NAME=VALUE, to find it by; several may be given")
      ->allow_extra_args(false);
  command
      ->add_option("--host-label", options->host_labels,
                   "NAME=VALUE that its host must have; several: all of them")
      ->allow_extra_args(false);
  add_network_options(*command, options->network);
  command->add_flag("--json", options->json, "Print the API's whole answer");
  command->callback([&session, options] {
    session.action = [&session, options]() -> base::Result<int> {
      auto body = create_body(*options);
      if (!body) return session.console.usage(body.error().message, body.error().remedy);
      return with_api(session, [&](ApiClient& api) {
        return create(api, session.console, *options, *std::move(body));
      });
    };
  });
}

void add_list(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("ls", "List sandboxes");
  command->alias("list");
  auto options = std::make_shared<ListOptions>();
  command->add_option("--status", options->status,
                      "In these states only, such as running,paused; all: ended ones, too");
  command->add_option("--template", options->template_name, "Made from this template only");
  command->add_option("--label", options->labels, "With this NAME=VALUE only; several: with all")
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "Print the API's whole answer");
  command->callback([&session, options] {
    session.action = [&session, options]() -> base::Result<int> {
      const auto path = list_path(*options);
      if (!path) return session.console.usage(path.error().message, path.error().remedy);
      return with_api(session, [&](ApiClient& api) {
        return list(api, session.console, *path, options->json ? Form::kJson : Form::kText);
      });
    };
  });
}

void add_info(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("info", "Show one sandbox");
  auto id = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("ID", *id, "The sandbox; a beginning of its id is enough")->required();
  command->add_flag("--json", *json, "Print the API's whole answer");
  command->callback([&session, id, json] {
    session.action = [&session, id, json] {
      return with_api(session, [&](ApiClient& api) {
        return info(api, session.console, *id, *json ? Form::kJson : Form::kText);
      });
    };
  });
}

void add_remove(CLI::App& parent, Session& session) {
  auto* command = parent.add_subcommand("rm", "Destroy sandboxes with everything in them");
  auto ids = std::make_shared<std::vector<std::string>>();
  command->add_option("ID", *ids, "Beginnings of ids are enough")->required();
  command->callback([&session, ids] {
    session.action = [&session, ids] {
      return with_api(session, [&](ApiClient& api) { return remove(api, session.console, *ids); });
    };
  });
}

}  // namespace

void add_sandbox_commands(CLI::App& app, Session& session) {
  auto* sandbox = app.add_subcommand("sandbox", "Create, list, use and remove sandboxes");
  sandbox->require_subcommand(1);
  add_create(*sandbox, session);
  add_list(*sandbox, session);
  add_info(*sandbox, session);
  add_exec_command(*sandbox, session);
  add_lifecycle_commands(*sandbox, session);
  add_label_command(*sandbox, session);
  add_network_command(*sandbox, session);
  add_port_commands(*sandbox, session);
  add_shell_command(*sandbox, session);
  add_remove(*sandbox, session);
}

}  // namespace wrenn::cli
