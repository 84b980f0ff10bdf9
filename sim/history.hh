#pragma once

// The history of a run: the operations as the clients saw them, and the changes as the replicas
// applied them. Checkers read it, and do not know the workload that made it. All times are virtual
// time, not a machine's clock.
//
// Threads: one.

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
  std::string value;       // to write; unique in the run
  std::int64_t lease = 0;  // the key that is written hangs on it; 0: on none
  Instant invoked{};
  Instant returned = Instant::max();
  Outcome outcome = Outcome::kUnderWay;
  std::uint64_t revision = 0;       // of the answer's header
  bool succeeded = true;            // kCompareAndSet: it was set; kDelete: something was deleted
  std::optional<std::string> read;  // kGet: the value; nullopt: there was no such key
  // Set for a kGet of all keys instead of `key`: all keys and values.
  std::optional<std::map<std::string, std::string>> read_all;
};

// Keys that begin with this are written without an operation in the history.
inline constexpr char kUntold[] = "untold/";

// One change, as a replica applied it.
struct Change {
  std::string key;
  bool erased = false;
  std::string value;
  bool operator==(const Change&) const = default;
};

// What the holder of a lease knows about it.
struct LeaseStory {
  Duration ttl{};
  Instant renewed_last{};  // when the newest renewal that was answered had been sent
  Instant gone_first =
      Instant::max();               // when the holder was first told that there is no such lease
  Instant let_go = Instant::max();  // when the holder asked for its end

  void renewed(Instant sent) { renewed_last = std::max(renewed_last, sent); }
  void gone(Instant told) { gone_first = std::min(gone_first, told); }
};
// The value of a key that hangs on a lease names the lease. `number`: makes it unique in the run.
std::string lease_value(std::int64_t lease, std::uint64_t number);
// The lease that a value names. nullopt: it names none.
std::optional<std::int64_t> lease_of_value(const std::string& value);

struct History {
  std::vector<Operation> operations;
  std::map<std::uint64_t, std::vector<Change>>
      changes;                               // by revision, as the first replica applied them
  std::map<std::uint64_t, Instant> applied;  // when the first replica applied them, by revision
  std::map<std::int64_t, LeaseStory> leases;
};

}  // namespace polis::sim
