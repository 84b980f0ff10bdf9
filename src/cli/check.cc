// polis check FILE..., polis schema

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "cli/cli.hh"
#include "cli/json.hh"
#include "io/posix_disk.hh"
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

std::string read_standard_input() {
  std::string text;
  char piece[65536];
  for (std::size_t got = 0; (got = std::fread(piece, 1, sizeof piece, stdin)) > 0;) {
    text.append(piece, got);
    if (text.size() > model::yaml::kFileMax) break;
  }
  return text;
}

// All of it; a file that is too large is left to the parser to refuse.
Result<std::string> content_of(io::Disk& disk, const std::string& name) {
  auto file = disk.open(name);
  if (!file) return std::unexpected(file.error());
  return (*file)->read(0, model::yaml::kFileMax + 1);
}

// `-`: standard input.
Result<model::File> read_file(io::Disk& disk, const std::string& name) {
  if (name == "-") return model::File{"standard input", read_standard_input()};
  auto content = content_of(disk, name);
  if (!content) return std::unexpected(content.error());
  return model::File{name, std::move(*content)};
}

// What `name` in the file means: it is relative to the file's directory.
std::string beside(const std::string& file, std::string_view name) {
  const std::size_t slash = file.rfind('/');
  if (name.starts_with('/')) return std::string(name);
  while (name.starts_with("./")) name.remove_prefix(2);
  return file.substr(0, slash == std::string::npos ? 0 : slash + 1) + std::string(name);
}

std::string problem_json(const model::Problem& problem) {
  const bool error = problem.severity == model::Severity::kError;
  return fmt::format(R"({{"severity":"{}","file":{},"line":{},"column":{},"path":{},"text":{}}})",
                     error ? "error" : "note", json_string(problem.at.file), problem.at.line,
                     problem.at.column, json_string(problem.path), json_string(problem.text));
}

void print_problem(const model::Problem& problem, const std::vector<model::File>& files) {
  fmt::print("{}\n", model::to_string(problem));
  for (const model::File& file : files) {
    if (file.name == problem.at.file) fmt::print("{}", model::excerpt(file.text, problem.at));
  }
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

// What parse() found, and for what it accepted what the door's rules say.
struct Verdict {
  std::vector<model::Problem> problems;
  std::vector<std::pair<const model::Application*, model::Sealed>> accepted;
  bool refused = false;
};

Verdict judge(const model::Parsed& parsed) {
  Verdict verdict{parsed.problems, {}, !parsed.ok()};
  model::Surroundings surroundings;
  for (const auto& one : parsed.applications) {
    for (const model::Service& service : one.application.services)
      surroundings.tiers[one.application.name + "/" + service.name] = service.tier;
  }
  for (const auto& one : parsed.applications) {
    for (model::Problem& problem : model::check(one.application, one.positions, surroundings)) {
      verdict.refused |= problem.severity == model::Severity::kError;
      verdict.problems.push_back(std::move(problem));
    }
    auto sealed = model::seal(one.application);
    if (sealed) {
      verdict.accepted.emplace_back(&one.application, std::move(*sealed));
    } else {
      verdict.refused = true;
      verdict.problems.push_back({model::Severity::kError, {}, "", sealed.error().text});
    }
  }
  return verdict;
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

void print_text(const Verdict& verdict, const std::vector<model::File>& files, bool quiet) {
  for (const model::Problem& problem : verdict.problems) {
    if (!quiet || problem.severity == model::Severity::kError) print_problem(problem, files);
  }
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
  io::Reactor reactor;
  io::PosixDisk disk(reactor);
  std::vector<model::File> files;
  for (const std::string& name : options.files) {
    auto file = read_file(disk, name);
    if (!file) {
      complain(file.error());
      return kWrongUsage;
    }
    files.push_back(std::move(*file));
  }
  const model::Parsed parsed = model::parse(
      files, [&](const std::string& from, const std::string& file) -> Result<model::Included> {
        const std::string name = beside(file, from);
        auto content = content_of(disk, name);
        if (!content) return std::unexpected(content.error());
        return model::Included{name, std::move(*content)};
      });
  const Verdict verdict = judge(parsed);
  if (options.canonical && !verdict.refused) {
    print_canonical(verdict);
  } else if (options.output == "json") {
    print_json(verdict);
  } else {
    print_text(verdict, files, options.quiet);
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
