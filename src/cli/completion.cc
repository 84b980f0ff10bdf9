// polis completion bash|zsh: a script made from the commands themselves, so that it cannot lag
// behind them.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/cli.hh"

namespace polis::cli {
namespace {

// One line for each command: its path, then its subcommands and flags.
void collect(const CLI::App& app, const std::string& path, std::string& cases) {
  std::string words;
  for (const CLI::App* sub : app.get_subcommands({})) words += sub->get_name() + " ";
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  }
  cases += fmt::format("    '{}') words='{}' ;;\n", path, words);
  for (const CLI::App* sub : app.get_subcommands({}))
    collect(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), cases);
}

std::string script(const CLI::App& app, bool zsh) {
  std::string cases;
  collect(app, "", cases);
  std::string text = zsh ? "#compdef polis\nautoload -U +X bashcompinit && bashcompinit\n" : "";
  text +=
      "_polis() {\n  local words='' path='' word\n  for word in "
      "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $word in -*) ;; *) path=\"${path:+$path }$word\" ;; esac\n  done\n"
      "  case $path in\n" +
      cases +
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o "
      "default -F _polis polis\n";
  return text;
}

}  // namespace

void add_completion_command(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("completion", "Print a completion script for a shell");
  command->footer(
      "Examples:\n  source <(polis completion bash)\n  polis completion zsh > ~/.zfunc/_polis");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([=, &app, &run] {
    run = [=, &app] {
      fmt::print("{}", script(app, *shell == "zsh"));
      return kDone;
    };
  });
}

}  // namespace polis::cli
