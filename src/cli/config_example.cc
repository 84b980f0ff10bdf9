// polis config example: a settings file to begin with.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cell/settings.hh"
#include "cli/cli.hh"

namespace polis::cli {
namespace {

constexpr std::size_t kColumns = 100;

// The words as comments, in lines that are not too long.
std::string as_comment(std::string_view words) {
  std::string out, line = "#";
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
    if (line.size() + 1 + word.size() > kColumns) {
      out += line + "\n";
      line = "#";
    }
    line += " ";
    line += word;
  }
  return out + line + "\n";
}

// What is not set keeps its default, so all of them stand in comments.
std::string example_settings() {
  std::string out =
      "# Settings of a Polis replica. `polis config dump --config FILE` prints those in effect.\n";
  for (const host::SettingInfo& info : cell::setting_infos()) {
    const bool quotes = *info.standard == '\0' || *info.standard == '*';  // an alias in YAML
    const std::string value =
        quotes ? fmt::format("\"{}\"", info.standard) : std::string(info.standard);
    out += fmt::format("\n{}#{}: {}\n", as_comment(info.help), info.name, value);
  }
  return out;
}

}  // namespace

void add_config_example_command(CLI::App& config, Run& run) {
  auto* app = config.add_subcommand("example", "Print a settings file with every setting");
  app->footer("Example:\n  polis config example > polis.yaml");
  app->callback([&run] {
    run = [] {
      fmt::print("{}", example_settings());
      return kDone;
    };
  });
}

}  // namespace polis::cli
