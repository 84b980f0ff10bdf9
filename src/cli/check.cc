// polis check FILE..., polis schema

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "cli/application_files.hh"
#include "cli/cli.hh"
#include "cli/json.hh"
#include "model/canonical.hh"
#include "model/check.hh"
#include "model/order.hh"
#include "model/parse.hh"
#include "model/schema.hh"
#include "model/stored.hh"
#include "model/yaml.hh"

namespace polis::cli {
namespace {

struct CheckOptions {
  std::vector<std::string> files;
  std::string output = "text";
  bool canonical = false, quiet = false;
};

std::string problem_json(const model::Problem& problem) {
  const bool error = problem.severity == model::Severity::kError;
  return fmt::format(R"({{"severity":"{}","file":{},"line":{},"column":{},"path":{},"text":{}}})",
                     error ? "error" : "note", json_string(problem.at.file), problem.at.line,
                     problem.at.column, json_string(problem.path), json_string(problem.text));
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  return fmt::format("{}", fmt::join(words, between));
}

// "shop: 4 services, 2 jobs; starts stock, then checkout, front; sha256:..."
std::string summary(const model::Application& application, const model::Sealed& sealed) {
  std::vector<std::string> levels;
  for (const auto& level : model::start_order(application).levels)
    levels.push_back(joined(level, ", "));
  return fmt::format("{}: {} service{}, {} job{}\n  starts {}\n  {}, {} bytes\n", application.name,
                     application.services.size(), application.services.size() == 1 ? "" : "s",
                     application.jobs.size(), application.jobs.size() == 1 ? "" : "s",
                     joined(levels, "; then "), sealed.digest, sealed.bytes.size());
}

std::string application_json(const model::Application& application, const model::Sealed& sealed) {
  std::string levels;
  for (const auto& level : model::start_order(application).levels) {
    std::string names;
    for (const std::string& name : level) names += (names.empty() ? "" : ",") + json_string(name);
    levels += fmt::format("{}[{}]", levels.empty() ? "" : ",", names);
  }
  return fmt::format(
      R"({{"application":{},"services":{},"jobs":{},"start_order":[{}],"digest":"{}","bytes":{}}})",
      json_string(application.name), application.services.size(), application.jobs.size(), levels,
      sealed.digest, sealed.bytes.size());
}

void print_json(const Verdict& verdict) {
  std::string problems, applications;
  for (const model::Problem& problem : verdict.problems)
    problems += (problems.empty() ? "" : ",") + problem_json(problem);
  for (const auto& [application, sealed] : verdict.accepted)
    applications += (applications.empty() ? "" : ",") + application_json(*application, sealed);
  fmt::print("{{\"ok\":{},\"problems\":[{}],\"applications\":[{}]}}\n", !verdict.refused, problems,
             verdict.refused ? "" : applications);
}

void print_text(const LoadedApplications& loaded, bool quiet) {
  print_problems(loaded, quiet);
  const Verdict& verdict = loaded.verdict;
  if (verdict.refused || quiet) return;
  for (const auto& [application, sealed] : verdict.accepted)
    fmt::print("{}", summary(*application, sealed));
}

void print_canonical(const Verdict& verdict) {
  const char* between = "";
  for (const auto& [application, sealed] : verdict.accepted) {
    fmt::print("{}{}", between, model::to_yaml(*application, model::Detail::kFull));
    between = "---\n";
  }
}

int run_check(const CheckOptions& options) {
  auto loaded = load_applications(options.files);
  if (!loaded) {
    complain(loaded.error());
    return kWrongUsage;
  }
  const Verdict& verdict = loaded->verdict;
  if (options.canonical && !verdict.refused) {
    print_canonical(verdict);
  } else if (options.output == "json") {
    print_json(verdict);
  } else {
    print_text(*loaded, options.quiet);
  }
  return verdict.refused ? kRefused : kDone;
}

void add_schema_command(CLI::App& app, Run& run) {
  auto* command =
      app.add_subcommand("schema", "Describe the application file for editors and people");
  command->footer(
      "Examples:\n"
      "  polis schema > application.schema.json   # then, as a file's first line:\n"
      "  # yaml-language-server: $schema=application.schema.json\n"
      "  polis schema --form markdown             # all keys, as a table");
  auto form = std::make_shared<std::string>("json");
  command
      ->add_option("--form", *form, "json: a JSON schema; markdown: a page; proto: the stored form")
      ->check(CLI::IsMember({"json", "markdown", "proto"}))
      ->capture_default_str();
  command->callback([=, &run] {
    run = [=] {
      fmt::print("{}", *form == "proto"      ? model::proto_text()
                       : *form == "markdown" ? model::reference_page()
                                             : model::json_schema());
      return kDone;
    };
  });
}

}  // namespace

void add_check_commands(CLI::App& app, Run& run) {
  auto* check =
      app.add_subcommand("check", "Say whether application files are right, without a cell");
  check->footer(
      "Examples:\n"
      "  polis check shop.yaml                # what is wrong, with line and column\n"
      "  polis check shop/*.yaml -o json      # for programs; exit code 1: refused\n"
      "  polis check shop.yaml --canonical    # with every default filled in");
  auto options = std::make_shared<CheckOptions>();
  check->add_option("FILE", options->files, "application files; - is standard input")
      ->type_name("FILE")
      ->required();
  check->add_option("-o,--output", options->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  check->add_flag("--canonical", options->canonical,
                  "print what the files say, with every default");
  check->add_flag("-q,--quiet", options->quiet, "errors alone");
  check->callback([=, &run] { run = [=] { return run_check(*options); }; });
  add_schema_command(app, run);
}

}  // namespace polis::cli
