#include "cli/application_files.hh"

#include <fmt/format.h>

#include <cstdio>

#include "io/read_beginning.hh"
#include "model/check.hh"
#include "model/yaml.hh"

namespace polis::cli {
namespace {

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
Result<std::string> content_of(const std::string& name) {
  return io::read_beginning(name, model::yaml::kFileMax + 1);
}

// `-`: standard input.
Result<model::File> read_file(const std::string& name) {
  if (name == "-") return model::File{"standard input", read_standard_input()};
  auto content = content_of(name);
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

void print_problem(const model::Problem& problem, const std::vector<model::File>& files) {
  fmt::print("{}\n", model::to_string(problem));
  for (const model::File& file : files) {
    if (file.name == problem.at.file) fmt::print("{}", model::excerpt(file.text, problem.at));
  }
}

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

}  // namespace

Result<LoadedApplications> load_applications(const std::vector<std::string>& names) {
  LoadedApplications loaded;
  for (const std::string& name : names) {
    auto file = read_file(name);
    if (!file) return std::unexpected(file.error());
    loaded.files.push_back(std::move(*file));
  }
  loaded.parsed = model::parse(
      loaded.files,
      [&](const std::string& from, const std::string& file) -> Result<model::Included> {
        const std::string name = beside(file, from);
        auto content = content_of(name);
        if (!content) return std::unexpected(content.error());
        return model::Included{name, std::move(*content)};
      });
  loaded.verdict = judge(loaded.parsed);
  return loaded;
}

void print_problems(const LoadedApplications& loaded, bool quiet) {
  for (const model::Problem& problem : loaded.verdict.problems) {
    if (!quiet || problem.severity == model::Severity::kError) print_problem(problem, loaded.files);
  }
}

}  // namespace polis::cli
