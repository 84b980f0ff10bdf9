#pragma once

// Where an instance may run, as the file says it: 'place = berlin/*', 'label.disk = ssd',
// 'machine != m7'.
//
// Threads: any; pure.

#include <map>
#include <string>
#include <string_view>

#include "base/error.hh"

namespace polis::model {

struct Constraint {
  enum class Subject { kMachine, kPlace, kLabel };
  Subject subject = Subject::kMachine;
  std::string label;  // its name, of kLabel
  bool equal = true;  // '=', else '!='
  // A '*' at its end stands for any rest. A place `berlin` also means all places below it.
  std::string pattern;
  bool operator==(const Constraint&) const = default;
};

// kInvalid: it is none.
Result<Constraint> parse_constraint(std::string_view text);

// What a machine tells of itself.
struct MachineFacts {
  std::string machine, place;
  std::map<std::string, std::string> labels;
};
// A label that the machine does not have equals nothing.
bool matches(const Constraint& constraint, const MachineFacts& facts);

}  // namespace polis::model
