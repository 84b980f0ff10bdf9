#pragma once

// Reads a command line word by word, as far as it makes sense: for completion, and for saying what
// a word that is not known was most likely meant to be.
//
// Threads: any; pure.

#include <CLI/App.hpp>

#include <optional>
#include <string>
#include <vector>

namespace polis::cli {

// How far the words lead.
struct Walk {
  const CLI::App* app = nullptr;         // the innermost command that was named
  std::string path;                      // "polis kv get"
  const CLI::Option* pending = nullptr;  // its value comes next
  std::size_t positionals = 0;           // that were given to `app`
  std::optional<std::string> unknown;    // the first command or flag that `app` does not have
};

Walk walk(const CLI::App& root, const std::vector<std::string>& words);

// The option behind "--name" or "-n" of the command; nullptr: there is none.
const CLI::Option* find_option(const CLI::App& app, const std::string& word);

// "'putt' is no command of `polis kv`; did you mean 'put'?", or what there is. Empty: every word is
// known.
std::string suggestion(const CLI::App& root, const std::vector<std::string>& words);

}  // namespace polis::cli
