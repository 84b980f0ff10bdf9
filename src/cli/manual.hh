#pragma once

// Manual pages, made from the same texts as --help, so that the two cannot differ. The result is
// troff for man(1).
//
// Threads: any; pure.

#include <CLI/App.hpp>

#include <string>

namespace polis::cli {

// The page of the whole program, polis(1): what it is, and its commands.
std::string manual_of_program(const CLI::App& app);
// The page of one of its commands, such as polis-kv(1), with all subcommands of that.
std::string manual_of_command(const CLI::App& app, const CLI::App& command);

}  // namespace polis::cli
