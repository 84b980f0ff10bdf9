#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "cli/cli.hh"
#include "host/version.hh"

int main(int argc, char** argv) {
  using namespace polis::cli;
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{
      "Polis: one binary that turns a few Linux machines into a highly available platform.\n"
      "Begin with `polis dev`, then `polis kv put greeting hello` and `polis kv get greeting`."};
  app.name("polis");
  app.set_version_flag("--version", std::string("polis ") + polis::host::kVersion);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help for every command");
  Run run;
  add_cell_commands(app, run);
  add_kv_commands(app, run);
  add_lease_commands(app, run);
  add_doctor_command(app, run);
  add_sim_command(app, run);
  add_completion_command(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  return run ? run() : kWrongUsage;
}
