#pragma once

// The settings engine: a program describes its settings in a table; this file collects their values
// and converts them. Values come from flags, the environment (POLIS_…), a YAML file, and the
// defaults, in this order; where each came from can be shown.
//
// Threads: any.

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "base/error.hh"
#include "base/time.hh"
#include "io/network.hh"

namespace polis::host {

// One row of the table.
struct SettingInfo {
  const char* name;  // as a flag: --data-dir; in YAML: data-dir; in the environment: POLIS_DATA_DIR
  const char* standard;  // default, as text
  const char* help;
  bool map = false;         // in YAML it may also be a map; {a: x, b: y} means the same as a=x,b=y
  const char* values = "";  // for help and completion: "a|b|c", FILE or DIR; empty: any text
};
using SettingTable = std::span<const SettingInfo>;

enum class Source { kDefault, kFile, kEnvironment, kFlag };
const char* to_string(Source source);

struct SettingValue {
  std::string text;
  Source source = Source::kDefault;
};
using SettingValues = std::map<std::string, SettingValue>;

// Collects one value for each row. `file` may be empty. kInvalid: the text names the file and the
// line.
Result<SettingValues> collect_settings(SettingTable table, const std::string& file,
                                       const std::map<std::string, std::string>& flags,
                                       const std::map<std::string, std::string>& environment);

// Converts values of a table, and keeps the first complaint. A value that is wrong reads as zero.
class SettingReader {
 public:
  explicit SettingReader(const SettingValues& values) : values_(values) {}

  // Each `name` must stand in the table.
  const std::string& text(const char* name) const { return values_.at(name).text; }
  Source source(const char* name) const { return values_.at(name).source; }
  std::uint64_t number(const char* name, std::uint64_t min, std::uint64_t max);
  // A time such as 50ms, 7s, 10m or 1h; more than zero.
  Duration duration(const char* name);
  io::Address address(const char* name, io::NoScheme no_scheme = io::NoScheme::kPlain);
  // Several, with commas between; at least one.
  std::vector<io::Address> addresses(const char* name,
                                     io::NoScheme no_scheme = io::NoScheme::kPlain);
  // "true" or "false".
  bool truth(const char* name);
  // Words with commas between; may be none.
  std::vector<std::string> words(const char* name);

  // The setting has a value that cannot be used; `remedy` says what would be right.
  void wrong(const char* name, const std::string& remedy);
  // Names the setting, its value, where it came from, and the remedy. Empty: nothing was wrong.
  const std::string& error() const { return error_; }

 private:
  const SettingValues& values_;
  std::string error_;
};

}  // namespace polis::host
