#pragma once

// Application files of the command line: reading them, and judging what they say.
//
// Threads: any; blocks while files are read.

#include <string>
#include <utility>
#include <vector>

#include "base/error.hh"
#include "model/parse.hh"
#include "model/problem.hh"
#include "model/stored.hh"

namespace polis::cli {

// What parse() found, and for the applications that it accepted, what the door's rules say.
struct Verdict {
  std::vector<model::Problem> problems;
  std::vector<std::pair<const model::Application*, model::Sealed>> accepted;
  bool refused = false;
};

struct LoadedApplications {
  std::vector<model::File> files;
  model::Parsed parsed;
  Verdict verdict;  // points into `parsed`
};

// `names`: of files; "-" is standard input. Errors: a file cannot be read. What the files say may
// be refused: see `verdict`.
Result<LoadedApplications> load_applications(const std::vector<std::string>& names);
// Prints each problem with the lines that it is about; with `quiet`, errors alone.
void print_problems(const LoadedApplications& loaded, bool quiet);

}  // namespace polis::cli
