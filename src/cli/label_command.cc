// wrenn sandbox label: changes what sandboxes are found by.
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/labels.h"
#include "cli/sandbox_lookup.h"
#include "cli/session.h"

namespace wrenn::cli {
namespace {

struct LabelOptions {
  std::string id;
  std::vector<std::string> words;
  bool json = false;
};

net::Task<base::Result<int>> label(ApiClient& api, const Console& console, LabelOptions options,
                                   std::string body) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, options.id));
  WRENN_CO_TRY_ASSIGN(const std::string reply,
                      co_await api.call("PATCH", "/v1/capsules/" + id, std::move(body)));
  if (options.json) WRENN_CO_TRY(console.out_json(reply));
  co_return 0;
}

}  // namespace

void add_label_command(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("label", "Change the labels of a sandbox");
  command->footer("Sandboxes are found by them: wrenn sandbox ls --label NAME=VALUE");
  auto options = std::make_shared<LabelOptions>();
  command->add_option("ID", options->id, "The sandbox; a beginning of its id is enough")
      ->required();
  command->add_option("LABEL", options->words, "NAME=VALUE sets one, NAME- takes it away")
      ->required();
  command->add_flag("--json", options->json, "Print the API's whole answer");
  command->callback([&session, options] {
    session.action = [&session, options]() -> base::Result<int> {
      const auto labels = parse_labels(options->words, true);
      if (!labels) return session.console.usage(labels.error().message, labels.error().remedy);
      return with_api(session, [&](ApiClient& api) {
        return label(api, session.console, *options, label_changes_json(*labels));
      });
    };
  });
}

}  // namespace wrenn::cli
