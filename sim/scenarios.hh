#pragma once

// Scenarios by name: what went wrong elsewhere, or would, told step by step. Most of them are the
// consistency bugs that etcd found in itself in ten years (its issues and post-mortems are public);
// here each must be impossible.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "consensus/options.hh"

namespace polis::sim {

struct Scenario {
  std::string name;   // a fact that must hold
  std::string about;  // where it comes from
  // What is broken, or nothing.
  std::function<std::optional<std::string>(consensus::Protocol)> run;
};

const std::vector<Scenario>& scenarios();

}  // namespace polis::sim
