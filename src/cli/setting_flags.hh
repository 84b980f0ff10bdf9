#pragma once

// Flags for all settings of a replica (cell/settings.hh), and --config for a file of them.
//
// Threads: one.

#include <CLI/App.hpp>
#include <map>
#include <string>

#include "cell/settings.hh"

namespace polis::cli {

struct SettingFlags {
  std::map<std::string, std::string> given;  // the values of flags, by the setting's name
  std::string file;                          // of --config or POLIS_CONFIG; empty: none

  // Adds the flags to `app`. This object must outlive the parsing.
  void add_to(CLI::App& app);
  // All settings, from flags, environment, file and defaults. Errors: as host::collect_settings.
  Result<host::SettingValues> collect() const;
};

}  // namespace polis::cli
