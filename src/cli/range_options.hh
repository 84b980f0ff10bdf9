#pragma once

// One key or a range of keys, as options of a command.
//
// Threads: one.

#include <CLI/App.hpp>

#include <string>

namespace polis::cli {

// The end of the range of all keys that begin with `prefix`, as etcd's range_end. "\0": the range
// goes to the last key.
inline std::string prefix_end(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

struct RangeOptions {
  std::string key, end;
  bool prefix = false, from_key = false;

  void add_to(CLI::App& app) {
    app.add_option("key", key, "the key; with an end, the first key of a range")->required();
    app.add_option("end", end, "end of the range, not part of it");
    app.add_flag("--prefix", prefix, "all keys that begin with the key");
    app.add_flag("--from-key", from_key, "all keys from the key on");
  }
  template <typename Request>
  void fill(Request& request) const {
    request.set_key(key.empty() && (prefix || from_key) ? std::string(1, '\0') : key);
    if (prefix) {
      request.set_range_end(prefix_end(key));
    } else if (from_key) {
      request.set_range_end(std::string(1, '\0'));
    } else if (!end.empty()) {
      request.set_range_end(end);
    }
  }
};

}  // namespace polis::cli
