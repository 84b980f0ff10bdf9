#include "cli/setting_flags.hh"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

extern char** environ;

namespace polis::cli {
namespace {

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view line = *entry;
    std::size_t equals = line.find('=');
    if (line.starts_with("POLIS_") && equals != std::string_view::npos)
      all[std::string(line.substr(0, equals))] = line.substr(equals + 1);
  }
  return all;
}

}  // namespace

void SettingFlags::add_to(CLI::App& app) {
  app.add_option("--config", file, "YAML file with settings, by the names of these flags")
      ->type_name("FILE")
      ->envname("POLIS_CONFIG");
  for (const host::SettingInfo& info : cell::setting_infos()) {
    std::string help = info.help;
    if (*info.standard != '\0') help += fmt::format(" [{}]", info.standard);
    auto* option = app.add_option_function<std::string>(
        fmt::format("--{}", info.name),
        [this, name = std::string(info.name)](const std::string& value) { given[name] = value; },
        help);
    if (*info.values != '\0') option->type_name(info.values);
  }
}

Result<host::SettingValues> SettingFlags::collect() const {
  return host::collect_settings(cell::setting_infos(), file, given, environment());
}

}  // namespace polis::cli
