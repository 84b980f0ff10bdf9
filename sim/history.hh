#pragma once

// What happened in a run, as its clients saw it, and what the replicas applied. Checkers read it
// and know nothing of the workload that made it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hh"

namespace polis::sim {

enum class Outcome { kUnderWay, kOk, kRefused, kUnknown };  // kRefused: certainly without effect

struct Operation {
  enum class Kind { kPut, kGet, kDelete, kCompareAndSet };
  std::size_t client = 0;
  Kind kind = Kind::kGet;
  std::string key;
  std::string value;  // written; unique in the run
  Instant invoked{};
  Instant returned = Instant::max();
  Outcome outcome = Outcome::kUnderWay;
  std::uint64_t revision = 0;  // of the answer's header
  bool succeeded = true;       // kCompareAndSet: the compare held; kDelete: something was deleted
  std::optional<std::string> read;  // kGet: what was there
};

// One change, as a replica applied it.
struct Change {
  std::string key;
  bool erased = false;
  std::string value;
  bool operator==(const Change&) const = default;
};

struct History {
  std::vector<Operation> operations;
  std::map<std::uint64_t, std::vector<Change>>
      changes;  // by revision; the first replica to apply it says what it is
};

}  // namespace polis::sim
