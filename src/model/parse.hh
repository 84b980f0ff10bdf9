#pragma once

// From the text of application files to normalised values, with everything that is wrong.
//
// A file holds one or more YAML documents; each names its application, and documents of one name,
// from one file or several, are one application together. `defaults` of a document hold for the
// services of that document.
//
// What is only wrong in the light of the whole (cycles, tiers, ports that collide) is for
// model/check.hh.
//
// Threads: any; pure. A file of 50,000 lines takes a fifth of a second or two.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hh"
#include "model/application.hh"
#include "model/problem.hh"

namespace polis::model {

struct File {
  std::string name;  // as messages show it
  std::string text;
};

struct Parsed {
  struct One {
    Application application;
    Positions positions;  // of what stands in files; a default has none
  };
  // By name. Empty if anything is wrong.
  std::vector<One> applications;
  std::vector<Problem> problems;  // by file and line (Problems)
  bool ok() const { return !applications.empty(); }
};

// Reads what `from: NAME` of a configuration file names; `beside` is the application file.
struct Included {
  std::string name;  // as messages show it
  std::string content;
};
using Include = std::function<Result<Included>(const std::string& from, const std::string& beside)>;

// Without `include`, `from` stays as it is, and the application cannot be sealed (model/stored.hh).
Parsed parse(std::span<const File> files, const Include& include = {});
Parsed parse(std::string_view text, const std::string& file_name);

}  // namespace polis::model
