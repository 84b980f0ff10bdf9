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
  std::string value;       // written; unique in the run
  std::int64_t lease = 0;  // on which what is written hangs
  Instant invoked{};
  Instant returned = Instant::max();
  Outcome outcome = Outcome::kUnderWay;
  std::uint64_t revision = 0;       // of the answer's header
  bool succeeded = true;            // kCompareAndSet: it was set; kDelete: something was deleted
  std::optional<std::string> read;  // kGet: what was there
  // kGet of all keys, instead of `key`: what was there.
  std::optional<std::map<std::string, std::string>> read_all;
};

// Keys that begin with this are written without an operation of the history: nothing is known of
// who wrote them.
inline constexpr char kUntold[] = "untold/";

// One change, as a replica applied it.
struct Change {
  std::string key;
  bool erased = false;
  std::string value;
  bool operator==(const Change&) const = default;
};

// What its holder knows of a lease, in the world's own time.
struct LeaseStory {
  Duration ttl{};
  Instant renewed_last{};  // when the newest renewal that was answered had been sent
  Instant gone_first =
      Instant::max();               // when its holder was first told that there is no such lease
  Instant let_go = Instant::max();  // when its holder asked for its end

  void renewed(Instant sent) { renewed_last = std::max(renewed_last, sent); }
  void gone(Instant told) { gone_first = std::min(gone_first, told); }
};
// Values of keys that hang on leases name the lease.
std::string lease_value(std::int64_t lease, std::uint64_t number);
std::optional<std::int64_t> lease_of_value(const std::string& value);

struct History {
  std::vector<Operation> operations;
  std::map<std::uint64_t, std::vector<Change>>
      changes;  // by revision; the first replica to apply it says what it is
  std::map<std::uint64_t, Instant> applied;  // when that was
  std::map<std::int64_t, LeaseStory> leases;
};

}  // namespace polis::sim
