// wrenn setup firecracker: installs what sandboxes can run under.
#include <memory>

#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "cli/firecracker_setup.h"
#include "cli/session.h"

namespace wrenn::cli {
namespace {

struct SetupOptions {
  std::string binary;
  std::string version;
  std::string sha256;
  std::string prefix = "/usr/local";
  std::string url = std::string(kFirecrackerReleases);
};

base::Result<int> setup_firecracker(const Session& session, const SetupOptions& options) {
  std::vector<InstalledProgram> installed;
  if (!options.binary.empty()) {
    WRENN_TRY_ASSIGN(auto one, install_firecracker(options.binary, options.sha256, options.prefix));
    installed.push_back(std::move(one));
  } else {
    WRENN_TRY_ASSIGN(installed, install_firecracker_release({.version = options.version,
                                                             .sha256 = options.sha256,
                                                             .url = options.url,
                                                             .prefix = options.prefix}));
  }
  for (const auto& program : installed) {
    WRENN_TRY(session.console.out(base::concat(program.path.native(), "  ", program.version,
                                               "  sha256 ", program.sha256, '\n')));
  }
  return 0;
}

}  // namespace

void add_setup_command(CLI::App& app, Session& session) {
  auto* setup = app.add_subcommand("setup", "Install what sandboxes can run under");
  setup->require_subcommand(1);
  auto* command = setup->add_subcommand(
      "firecracker", "Install Firecracker (as root); `wrenn doctor` says whether it is used");
  auto options = std::make_shared<SetupOptions>();
  auto* source = command->add_option_group("source")->require_option(1);
  source->add_option("--binary", options->binary, "The program, from a file")
      ->check(CLI::ExistingFile);
  source->add_option("--version", options->version,
                     "A release to download, with its jailer, e.g. 1.13.1");
  command->add_option("--sha256", options->sha256,
                      "What the file, or the release's archive, must have");
  command->add_option("--prefix", options->prefix, "It goes to PREFIX/bin")->capture_default_str();
  command->add_option("--releases", options->url, "Where releases are")
      ->envname("WRENN_FIRECRACKER_RELEASES")
      ->capture_default_str();
  command->callback([&session, options] {
    session.action = [&session, options] { return setup_firecracker(session, *options); };
  });
}

}  // namespace wrenn::cli
