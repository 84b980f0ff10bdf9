#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "cli/cli.hh"
#include "cli/manual.hh"
#include "cli/suggest.hh"
#include "host/version.hh"

namespace {

// Before anything is parsed: wrong usage is said in the form that was asked for, too.
bool asks_for_json(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "-ojson" || words[i] == "--output=json") return true;
    if ((words[i] == "-o" || words[i] == "--output") && i + 1 < words.size() &&
        words[i + 1] == "json")
      return true;
  }
  return false;
}

// What is wrong with a command line whose words are all known.
std::string usage(const CLI::App& app, const std::vector<std::string>& words,
                  const CLI::ParseError& error) {
  return fmt::format("{}; `{} --help` shows examples", error.what(),
                     polis::cli::walk(app, words).path);
}

// polis __manual [COMMAND]: a manual page.
int print_manual(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.size() == 1) {
    fmt::print("{}", polis::cli::manual_of_program(app));
    return polis::cli::kDone;
  }
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() != words[1]) continue;
    fmt::print("{}", polis::cli::manual_of_command(app, *command));
    return polis::cli::kDone;
  }
  return polis::cli::kWrongUsage;
}

}  // namespace

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
  add_check_commands(app, run);
  add_run_command(app, run);
  add_cert_commands(app, run);
  add_sim_command(app, run);
  add_completion_command(app, run);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "__complete")
    return complete(app, {words.begin() + 1, words.end()});
  if (!words.empty() && words.front() == "__manual") return print_manual(app, words);
  if (asks_for_json(words)) set_error_form(ErrorForm::kJson);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
      return app.exit(error);  // help, or the version
    const std::string suggested = suggestion(app, words);
    return complain(polis::Error{polis::ErrorCode::kInvalid,
                                 suggested.empty() ? usage(app, words, error) : suggested});
  }
  return run ? run() : kWrongUsage;
}
