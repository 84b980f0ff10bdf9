#pragma once

// Reads a command line word by word, for completion and for suggesting the word that was meant in
// place of an unknown one.
//
// Threads: any; pure.

#include <CLI/App.hpp>

#include <optional>
#include <string>
#include <vector>

namespace polis::cli {

// Where the words of a command line lead. The pointers are valid as long as the root.
struct Walk {
  const CLI::App* app = nullptr;         // the innermost command that was named
  std::string path;                      // its name with those of its parents: "polis kv get"
  const CLI::Option* pending = nullptr;  // the next word is the value of this option
  std::size_t positionals = 0;           // how many positional arguments `app` was given
  std::optional<std::string> unknown;    // the first word that is no command or flag of `app`
};

// Reads `words`, which do not have the program's name.
Walk walk(const CLI::App& root, const std::vector<std::string>& words);

// The option of the command that is written "--name" or "-n". nullptr: there is none.
const CLI::Option* find_option(const CLI::App& app, const std::string& word);

// A sentence about the first unknown word, such as "'putt' is no command of `polis kv`; did you
// mean 'put'?"; if no name is similar, it lists the names. Empty: every word is known.
std::string suggestion(const CLI::App& root, const std::vector<std::string>& words);

}  // namespace polis::cli
