#pragma once

// The settings engine. A program describes its settings in a table; this file collects their values
// and converts them. A value comes from a flag, or else from the environment (POLIS_…), or else
// from a YAML file, or else it is the default. Where each value came from is kept, to be shown.
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
  const char* standard;     // the default, as text
  const char* help;         // one line for people
  bool map = false;         // in YAML it may also be a map: {a: x, b: y} means a=x,b=y
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

// Collects one value for each row of the table. `file`: the path of a YAML file; empty: none.
// `flags`: by setting name. `environment`: by variable name. kInvalid: the file cannot be read, or
// has an unknown setting; the text names the file and the line.
Result<SettingValues> collect_settings(SettingTable table, const std::string& file,
                                       const std::map<std::string, std::string>& flags,
                                       const std::map<std::string, std::string>& environment);

// Converts the values of settings. If a value is wrong, the result is zero or empty, and error()
// says so; only the first error is kept. `values` must outlive the reader.
class SettingReader {
 public:
  explicit SettingReader(const SettingValues& values) : values_(values) {}

  // Precondition of all functions: `name` is a setting of the table.
  const std::string& text(const char* name) const { return values_.at(name).text; }
  Source source(const char* name) const { return values_.at(name).source; }
  std::uint64_t number(const char* name, std::uint64_t min, std::uint64_t max);
  // A time such as 50ms, 7s, 10m or 1h; more than zero.
  Duration duration(const char* name);
  io::Address address(const char* name, io::NoScheme no_scheme = io::NoScheme::kPlain);
  // One or more addresses, with commas between them.
  std::vector<io::Address> addresses(const char* name,
                                     io::NoScheme no_scheme = io::NoScheme::kPlain);
  // "true" or "false".
  bool truth(const char* name);
  // Words with commas between them; may be none.
  std::vector<std::string> words(const char* name);

  // Notes that the value of this setting cannot be used. `remedy`: what would be right.
  void wrong(const char* name, const std::string& remedy);
  // The first error: the setting, its value, where that came from, and the remedy. Empty: none.
  const std::string& error() const { return error_; }

 private:
  const SettingValues& values_;
  std::string error_;
};

}  // namespace polis::host
