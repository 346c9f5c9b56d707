// The help texts.
#pragma once

namespace CLI {
class App;
}

namespace wrenn::cli {

// `wrenn --help` as a short page; those of the commands as the parser knows them.
void use_help(CLI::App& app);

}  // namespace wrenn::cli
