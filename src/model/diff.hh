#pragma once

// What is different between two versions of an application, and what that asks of instances that
// run.
//
// Threads: any; pure.

#include <map>
#include <string>
#include <vector>

#include "model/application.hh"
#include "model/key.hh"

namespace polis::model {

struct Change {
  enum class Kind { kAdded, kRemoved, kChanged };
  Kind kind = Kind::kChanged;
  std::string path;           // "services.front.start.env.LOG"
  std::string before, after;  // as a file has them; empty where there was or is nothing to show
  Effect effect = Effect::kNone;
  bool operator==(const Change&) const = default;
};

// In the order of the table of keys; equal applications have none. Both are normalised.
//
// A change of the configuration is kReconfigure, or kRestart where instances are told by a restart
// or where the command or the environment names the value that has changed. A job's changes are
// kNone: they hold from its next run on.
std::vector<Change> diff(const Application& before, const Application& after);

// The greatest effect on each service. A service that comes or goes is there with kPlacement.
std::map<std::string, Effect> effects(const std::vector<Change>& changes);

// A line for each change, such as "~ services.front.tier: 2 -> 1 (placement)".
std::string to_text(const std::vector<Change>& changes);
// One of them, without the end of the line.
std::string to_text(const Change& change);

}  // namespace polis::model
