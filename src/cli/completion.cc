#include "cli/completion.h"

#include "base/strings.h"

namespace wrenn::cli {
namespace {

// The ids are asked for only where one is wanted.
constexpr std::string_view kBashFunction = R"sh(
_wrenn_ids() { wrenn sandbox ls 2>/dev/null | awk 'NR > 1 { print $1 }'; }
_wrenn_templates() { wrenn template ls 2>/dev/null | awk '$2 == "snapshot" { print $1 }'; }
_wrenn_builds() { wrenn template builds 2>/dev/null | awk 'NR > 1 { print $1 }'; }
_wrenn() {
  local current=${COMP_WORDS[COMP_CWORD]} path="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [[ $word == -- ]] && { COMPREPLY=($(compgen -o default -- "$current")); return; }
    _wrenn_is_command "${path:+$path }$word" && path="${path:+$path }$word"
  done
  local words
  words=$(_wrenn_words "$path")
  case "$path" in
    "sandbox info"|"sandbox pause"|"sandbox resume"|"sandbox hibernate"|"sandbox fork"|"sandbox snapshot"|"sandbox timeout"|"sandbox label"|"sandbox exec"|"sandbox shell"|"sandbox rm"|"sandbox url"|"sandbox ports"|"sandbox network"|"sandbox forward") [[ $current == -* ]] || words+=" $(_wrenn_ids)" ;;
    "template rm"|"template tag"|"template builds") [[ $current == -* ]] || words+=" $(_wrenn_templates)" ;;
    "template logs"|"template cancel") [[ $current == -* ]] || words+=" $(_wrenn_builds)" ;;
    "template build") [[ $current == -* ]] || { compopt -o default; return; } ;;
    "files cp") [[ $current == -* ]] || { compopt -o default; return; } ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _wrenn wrenn
)sh";

}  // namespace

std::string bash_completion(const std::vector<CommandWords>& commands) {
  std::string words = "_wrenn_words() {\n  case \"$1\" in\n";
  std::string paths = "_wrenn_is_command() {\n  case \"$1\" in\n    ";
  bool first = true;
  for (const auto& command : commands) {
    std::vector<std::string> all = command.subcommands;
    all.insert(all.end(), command.options.begin(), command.options.end());
    words += base::concat("    \"", command.path, "\") echo \"", base::join(all, " "), "\" ;;\n");
    if (command.path.empty()) continue;
    if (!first) paths += '|';
    first = false;
    paths += base::concat('"', command.path, '"');
  }
  return base::concat("# wrenn completion for bash: source <(wrenn completion bash)\n", words,
                      "  esac\n}\n", paths, ") return 0 ;;\n  esac\n  return 1\n}", kBashFunction);
}

std::string zsh_completion(const std::vector<CommandWords>& commands) {
  return base::concat(
      "# wrenn completion for zsh: source <(wrenn completion zsh)\n"
      "autoload -U +X compinit && compinit\n"
      "autoload -U +X bashcompinit && bashcompinit\n",
      bash_completion(commands));
}

std::string fish_completion(const std::vector<CommandWords>& commands) {
  std::string out =
      "# wrenn completion for fish: wrenn completion fish | source\n"
      "function __wrenn_ids\n  wrenn sandbox ls 2>/dev/null | awk 'NR > 1 { print $1 }'\nend\n"
      "function __wrenn_templates\n"
      "  wrenn template ls 2>/dev/null | awk '$2 == \"snapshot\" { print $1 }'\nend\n"
      "function __wrenn_builds\n"
      "  wrenn template builds 2>/dev/null | awk 'NR > 1 { print $1 }'\nend\n"
      "function __wrenn_at\n"
      "  set -l words (commandline -opc | string match -v -- '-*')\n"
      "  test \"$words[2..-1]\" = \"$argv\"\nend\n"
      "function __wrenn_in\n"
      "  set -l words (commandline -opc | string match -v -- '-*')\n"
      "  string match -q -- \"$argv*\" \"$words[2..-1]\"\nend\n";
  for (const auto& command : commands) {
    if (!command.subcommands.empty()) {
      out += base::concat("complete -c wrenn -f -n '__wrenn_at ", command.path, "' -a '",
                          base::join(command.subcommands, " "), "'\n");
    }
    for (const auto& option : command.options) {
      if (!option.starts_with("--")) continue;
      out += base::concat("complete -c wrenn -n '__wrenn_in ", command.path, "' -l ",
                          option.substr(2), "\n");
    }
  }
  for (const char* path : {"sandbox info", "sandbox exec", "sandbox shell", "sandbox rm",
                           "sandbox url", "sandbox ports", "sandbox network", "sandbox forward",
                           "sandbox pause", "sandbox resume", "sandbox hibernate", "sandbox label",
                           "sandbox fork", "sandbox snapshot", "sandbox timeout"}) {
    out += base::concat("complete -c wrenn -f -n '__wrenn_in ", path, "' -a '(__wrenn_ids)'\n");
  }
  for (const char* path : {"template rm", "template tag", "template builds"}) {
    out +=
        base::concat("complete -c wrenn -f -n '__wrenn_in ", path, "' -a '(__wrenn_templates)'\n");
  }
  for (const char* path : {"template logs", "template cancel"}) {
    out += base::concat("complete -c wrenn -f -n '__wrenn_in ", path, "' -a '(__wrenn_builds)'\n");
  }
  return out;
}

}  // namespace wrenn::cli
