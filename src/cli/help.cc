#include "cli/help.h"

#include <CLI/CLI.hpp>

namespace wrenn::cli {
namespace {

constexpr const char* kOverview = R"(wrenn: sandboxes that are real virtual machines

Usage: wrenn COMMAND [OPTIONS]

Sandboxes
  sandbox create     Create a sandbox and print its id
  sandbox ls         List sandboxes
  sandbox info       Show one sandbox
  sandbox exec       Run a command in a sandbox
  sandbox url        Print an address of a port in a sandbox
  sandbox ports      List the ports of a sandbox
  sandbox forward    Bring ports of a sandbox to this machine
  sandbox shell      Open a terminal in a sandbox
  sandbox pause      Stop sandboxes and keep them; using one resumes it
  sandbox resume     Let paused sandboxes go on
  sandbox hibernate  Move sandboxes to object storage
  sandbox fork       Copy a sandbox as it is now
  sandbox snapshot   Make a template of a sandbox
  sandbox timeout    Change when sandboxes stop by themselves
  sandbox label      Change what sandboxes are found by
  sandbox network    Show or change what a sandbox may reach
  sandbox rm         Destroy sandboxes

Templates
  template build     Build a template from a Dockerfile or a recipe
  template builds    List builds
  template logs      Show what a build said
  template cancel    End builds that are not over
  template ls        List templates
  template tag       Point a tag to a version of a template
  template untag     Take a tag away
  template rm        Delete templates

Files
  files cp           Copy a file to or from a sandbox
  files ls           List a directory in a sandbox

Hosts
  host add           Add a machine that runs sandboxes
  host ls            List the hosts
  host label         Change what sandboxes may ask of a host
  host token         Print another token for a host to register with
  host drain         Pause what runs on hosts, and start nothing there
  host rm            Remove hosts

This machine
  up                 Start Wrenn here (as root)
  down               Stop it and remove every sandbox (as root)
  doctor             Say what works here, what does not, and why
  setup firecracker  Install Firecracker for sandboxes to run under (as root)

Other
  completion         Print the completion script for bash, zsh or fish
  version            Print the version

Options for every command
  --api-url URL      Address of the API      (else WRENN_API_URL, else the configuration file)
  --api-key KEY      Key for the API         (else WRENN_API_KEY, else the configuration file)
  --config FILE      The configuration file  (else WRENN_CONFIG, else ~/.config/wrenn/config.json)
  -h, --help         Show help, also for a command

Examples
  sudo wrenn up --detach
  id=$(wrenn sandbox create)
  wrenn sandbox exec $id -- python3 -c 'print("hello")'
  wrenn files cp data.csv $id:/tmp/
  wrenn sandbox rm $id
)";

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    if (app->get_parent() == nullptr) return kOverview;
    return Formatter::make_help(app, std::move(name), mode);
  }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string text = Formatter::make_usage(app, std::move(name));
    if (app->get_name() == "exec") {
      text.erase(text.find_last_not_of('\n') + 1);
      text += " -- COMMAND [ARGUMENTS...]\n";
    }
    return text;
  }

  // The common types say nothing that the description does not.
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional()) return {};
    std::string text;
    if (option->get_items_expected_max() > 0) text = " VALUE";
    if (!option->get_default_str().empty()) text += " (default " + option->get_default_str() + ")";
    return text;
  }
};

}  // namespace

void use_help(CLI::App& app) {
  auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(28);
  app.formatter(formatter);
}

}  // namespace wrenn::cli
