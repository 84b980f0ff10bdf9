// polis completion bash|zsh|fish: a script that asks the command itself what may come next
// (`polis __complete`), so that it cannot lag behind it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "api/etcd/rpc.pb.h"
#include "cli/cli.hh"
#include "cli/json.hh"
#include "cli/suggest.hh"

namespace polis::cli {
namespace {

// A cell that does not answer at once has no part in completion.
constexpr double kAskSeconds = 1;

constexpr const char* kBash = R"sh(
_polis() {
  local IFS=$'\n'
  local current="${COMP_WORDS[COMP_CWORD]}"
  [ "$current" = "=" ] && current=""
  local found=($("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  case "${found[0]}" in
    :files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")) ;;
    :dirs) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$current")) ;;
    *) COMPREPLY=("${found[@]}") ;;
  esac
}
complete -F _polis polis
)sh";

// As a file of its own it is the function _polis, which zsh loads when it is first needed, and
// calls; otherwise it is read from a start-up file.
constexpr const char* kZsh = R"sh(#compdef polis
_polis() {
  local -a found
  found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case "${found[1]}" in
    :files) _files ;;
    :dirs) _files -/ ;;
    ?*) compadd -- "${found[@]}" ;;
  esac
}
if [ "${funcstack[1]}" = _polis ]; then
  _polis "$@"
else
  compdef _polis polis
fi
)sh";

constexpr const char* kFish = R"sh(
function __polis_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    switch "$found[1]"
        case :files
            __fish_complete_path "$current"
        case :dirs
            __fish_complete_directories "$current"
        case '*'
            printf '%s\n' $found
    end
end
complete -c polis -f -a '(__polis_complete)'
)sh";

// What the words so far say of where the cell is.
Target target_in(const std::vector<std::string>& words) {
  Target target;
  struct Option {
    const char *variable, *flag;
    std::string* value;
  };
  for (const auto& [variable, flag, value] :
       {Option{"POLIS_ENDPOINTS", "--endpoints", &target.endpoints},
        Option{"POLIS_CACERT", "--cacert", &target.cacert},
        Option{"POLIS_CERT", "--cert", &target.cert}, Option{"POLIS_KEY", "--key", &target.key}}) {
    if (const char* given = std::getenv(variable)) *value = given;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      if (words[i] == flag || (words[i] == "-e" && value == &target.endpoints))
        *value = words[i + 1] == "=" && i + 2 < words.size() ? words[i + 2] : words[i + 1];
    }
  }
  target.timeout_seconds = kAskSeconds;
  return target;
}

std::vector<std::string> members(const std::vector<std::string>& words) {
  auto session = Session::open(target_in(words));
  if (!session) return {};
  etcdserverpb::MemberListResponse list;
  // Not linearizable: it has to work without a quorum.
  if (!(*session)
           ->call("/etcdserverpb.Cluster/MemberList", etcdserverpb::MemberListRequest(), list)
           .ok())
    return {};
  std::vector<std::string> names;
  for (const auto& member : list.members()) {
    if (!member.name().empty()) names.push_back(member.name());
  }
  return names;
}

std::vector<std::string> leases(const std::vector<std::string>& words) {
  auto session = Session::open(target_in(words));
  if (!session) return {};
  etcdserverpb::LeaseLeasesResponse list;
  if (!(*session)
           ->call("/etcdserverpb.Lease/LeaseLeases", etcdserverpb::LeaseLeasesRequest(), list)
           .ok())
    return {};
  std::vector<std::string> ids;
  for (const auto& lease : list.leases()) ids.push_back(lease_text(lease.id()));
  return ids;
}

// "a|b|c", or CLI11's own "TEXT:{a,b,c}".
std::vector<std::string> choices(std::string type) {
  char between = '|';
  if (const std::size_t open = type.find('{'); open != std::string::npos) {
    type = type.substr(open + 1, type.find('}') - open - 1);
    between = ',';
  } else if (type.find('|') == std::string::npos) {
    return {};
  }
  std::vector<std::string> found;
  for (std::size_t at = 0; at <= type.size();) {
    const std::size_t end = std::min(type.find(between, at), type.size());
    found.push_back(type.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

// What a value may be, by the name of its type as --help shows it.
std::vector<std::string> values_of(const CLI::Option& option,
                                   const std::vector<std::string>& words) {
  const std::string type = option.get_type_name();
  if (type.starts_with("FILE")) return {":files"};
  if (type.starts_with("DIR")) return {":dirs"};
  if (type.starts_with("MEMBER")) return members(words);
  if (type.starts_with("LEASE")) return leases(words);
  return choices(type);
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

const CLI::Option* positional(const CLI::App& app, std::size_t number) {
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    if (number == 0) return option;
    --number;
  }
  return nullptr;
}

// `--name=value` in one word, as zsh gives it: with the name in front.
std::vector<std::string> with_name(const CLI::App& app, const std::string& current,
                                   const std::vector<std::string>& words) {
  const std::string name = current.substr(0, current.find('='));
  const CLI::Option* option = find_option(app, name);
  if (option == nullptr) return {};
  auto values = values_of(*option, words);
  for (std::string& value : values) {
    if (!value.starts_with(':')) value = name + "=" + value;
  }
  return values;
}

std::vector<std::string> candidates(const Walk& at, const std::string& current,
                                    const std::vector<std::string>& words) {
  if (at.unknown) return {};
  if (at.pending != nullptr) return values_of(*at.pending, words);
  if (current.starts_with("--") && current.find('=') != std::string::npos)
    return with_name(*at.app, current, words);
  if (current.starts_with('-')) return flags_of(*at.app);
  std::vector<std::string> found;
  for (const CLI::App* sub : at.app->get_subcommands({})) found.push_back(sub->get_name());
  if (const CLI::Option* next = positional(*at.app, at.positionals);
      next != nullptr && found.empty())
    found = values_of(*next, words);
  return found.empty() ? flags_of(*at.app) : found;
}

}  // namespace

int complete(const CLI::App& app, std::vector<std::string> words) {
  std::string current = words.empty() ? "" : words.back();
  if (!words.empty()) words.pop_back();
  if (current == "=") current = "";
  for (const std::string& one : candidates(walk(app, words), current, words)) {
    if (one.starts_with(':') || one.starts_with(current)) fmt::print("{}\n", one);
  }
  return kDone;
}

void add_completion_command(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("completion", "Print a completion script for a shell");
  command->footer(
      "Examples:\n  source <(polis completion bash)\n  polis completion zsh > ~/.zfunc/_polis\n"
      "  polis completion fish > ~/.config/fish/completions/polis.fish\n"
      "Values are completed, too: of settings, and members and leases from the cell.");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([=, &run] {
    run = [=] {
      fmt::print("{}", *shell == "zsh" ? kZsh : *shell == "fish" ? kFish : kBash);
      return kDone;
    };
  });
}

}  // namespace polis::cli
