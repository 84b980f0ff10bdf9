#include "cli/suggest.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace polis::cli {
namespace {

constexpr std::size_t kSuggestionsMax = 3;

// Letters that have to be added, removed, changed or swapped with their neighbour (optimal string
// alignment).
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] =
          std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

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

std::vector<std::string> nearest(const std::string& word, const std::vector<std::string>& names) {
  const std::size_t farthest = std::max<std::size_t>(1, word.size() / 3);
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& name : names) {
    std::size_t apart = distance(word, name);
    // Somebody who knows the beginning: `rev` for `revoke`.
    if (name.starts_with(word) && word.size() >= 2) apart = std::min<std::size_t>(apart, 1);
    if (apart <= farthest) near.emplace_back(apart, name);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> found;
  for (auto& [apart, name] : near) {
    if (found.size() < kSuggestionsMax && apart <= near.front().first + 1) found.push_back(name);
  }
  return found;
}

std::string suggestion(const CLI::App& root, const std::vector<std::string>& words) {
  const Walk at = walk(root, words);
  if (!at.unknown) return "";
  const bool flag = at.unknown->starts_with('-');
  const auto names = flag ? flags_of(*at.app) : commands_of(*at.app);
  const auto near = nearest(*at.unknown, names);
  std::string text =
      fmt::format("'{}' is no {} of `{}`", *at.unknown, flag ? "flag" : "command", at.path);
  if (!near.empty()) return text + fmt::format("; did you mean '{}'?", fmt::join(near, "' or '"));
  if (flag) return text + fmt::format("; `{} --help` lists its flags", at.path);
  return text + fmt::format("; there are {}", fmt::join(names, ", "));
}

}  // namespace polis::cli
