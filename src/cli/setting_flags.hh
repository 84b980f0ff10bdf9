#pragma once

// A flag for every setting of a replica (cell/settings.hh).

#include <CLI/App.hpp>
#include <map>
#include <string>

#include "cell/settings.hh"

namespace polis::cli {

struct SettingFlags {
  std::map<std::string, std::string> given;  // by the setting's name
  std::string file;

  void add_to(CLI::App& app);
  Result<host::SettingValues> collect() const;
};

}  // namespace polis::cli
