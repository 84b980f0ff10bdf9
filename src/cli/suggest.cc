#include "cli/suggest.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/nearest.hh"

namespace polis::cli {
namespace {

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// One word behind those that were read; false: it is not known, and nothing behind it can be.
bool step(Walk& at, const std::string& word) {
  if (at.pending != nullptr) {
    if (word == "=") return true;  // bash cuts --name=value in three
    at.pending = nullptr;
    return true;
  }
  if (word.size() > 1 && word.front() == '-') {
    const CLI::Option* option = find_option(*at.app, word.substr(0, word.find('=')));
    if (option == nullptr) {
      at.unknown = word.substr(0, word.find('='));
      return false;
    }
    if (takes_value(*option) && word.find('=') == std::string::npos) at.pending = option;
    return true;
  }
  const auto subcommands = at.app->get_subcommands({});
  for (const CLI::App* sub : subcommands) {
    if (sub->get_name() != word || at.positionals > 0) continue;
    at.app = sub;
    at.path += " " + word;
    return true;
  }
  if (!subcommands.empty()) {
    at.unknown = word;
    return false;
  }
  ++at.positionals;
  return true;
}

}  // namespace

const CLI::Option* find_option(const CLI::App& app, const std::string& word) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (word == "--" + name) return option;
    }
    // -o json, and -ojson as well.
    for (const std::string& name : option->get_snames()) {
      if (!word.starts_with("--") && word.substr(0, 1 + name.size()) == "-" + name) return option;
    }
  }
  return nullptr;
}

Walk walk(const CLI::App& root, const std::vector<std::string>& words) {
  Walk at{.app = &root, .path = "polis"};
  bool only_positionals = false;
  for (const std::string& word : words) {
    if (only_positionals) {
      ++at.positionals;
    } else if (word == "--" && at.pending == nullptr) {
      only_positionals = true;
    } else if (!step(at, word)) {
      break;
    }
  }
  return at;
}

std::string suggestion(const CLI::App& root, const std::vector<std::string>& words) {
  const Walk at = walk(root, words);
  if (!at.unknown) return "";
  const bool flag = at.unknown->starts_with('-');
  const auto names = flag ? flags_of(*at.app) : commands_of(*at.app);
  const std::string meant = did_you_mean(*at.unknown, names);
  const std::string text =
      fmt::format("'{}' is no {} of `{}`", *at.unknown, flag ? "flag" : "command", at.path);
  if (!meant.empty()) return text + meant;
  if (flag) return text + fmt::format("; `{} --help` lists its flags", at.path);
  return text + fmt::format("; there are {}", fmt::join(names, ", "));
}

}  // namespace polis::cli
