#pragma once

// A state of a protocol as bytes: equal bytes mean equal states. The explorer (sim/explorer.hh)
// uses this to enter no state twice. Replicas can be given other names, so that two states that
// differ only in which replica is which have equal bytes. Instants go in relative to now; all that
// are further away than any timeout are taken as equal.
//
// Threads: one.

#include <algorithm>
#include <string>
#include <vector>

#include "consensus/read_rounds.hh"

namespace polis::consensus::testing {

class Digest {
 public:
  // names[id] is the name of replica `id`; names[0] is 0, for "no replica". Ids beyond the end keep
  // their number. Must outlive the digest.
  using Names = std::vector<std::uint64_t>;

  Digest(const Names& names, Instant now) : names_(names), now_(now) {}
  Digest(const Digest&) = delete;

  void number(std::uint64_t value) { writer_.varint(value); }
  void flag(bool value) { writer_.u8(value ? 1 : 0); }
  void index(LogIndex index) { number(index.value); }
  void replica(ReplicaId id) { number(id.value < names_.size() ? names_[id.value] : id.value); }
  void text(std::string_view text) { writer_.string(text); }
  void time(Instant at) {
    const auto away = std::clamp(at - now_, -kLong, kLong);
    number(static_cast<std::uint64_t>((away + kLong).count()));
  }
  void entry(const Entry& entry) {
    index(entry.index);
    number(entry.term.value);
    replica(entry.proposer);
    number(static_cast<std::uint64_t>(entry.kind));
    text(entry.data ? *entry.data : "");
  }
  template <class Entries>
  void entries(const Entries& all) {
    number(all.size());
    for (const Entry& one : all) entry(one);
  }
  // The parts as a set: their order does not matter.
  void set(std::vector<std::string> parts) {
    std::sort(parts.begin(), parts.end());
    number(parts.size());
    for (const std::string& part : parts) text(part);
  }
  // An empty digest with the same names and the same now, for a part of set().
  Digest part() const { return {names_, now_}; }

  // A map by replica. `f(digest, value)` puts one value.
  template <class Map, class F>
  void by_replica(const Map& map, F f) {
    std::vector<std::string> parts;
    for (const auto& [id, value] : map) {
      Digest one = part();
      one.replica(id);
      f(one, value);
      parts.push_back(std::move(one).bytes());
    }
    set(std::move(parts));
  }

  std::string bytes() && { return std::move(bytes_); }

 private:
  // Longer than every timeout of a core.
  static constexpr Duration kLong = std::chrono::seconds(3);

  const Names& names_;
  Instant now_;
  std::string bytes_;
  Writer writer_{bytes_};
};

template <>
struct Inspector<ReadRounds> {
  static void put(Digest& out, const ReadRounds& rounds) {
    for (std::uint64_t value : {rounds.newest_, rounds.confirmed_, rounds.of_reads_})
      out.number(value);
    out.number(rounds.pending_.size());
    for (const auto& [round, answer] : rounds.pending_) {
      out.number(round);
      out.index(answer.index);
      asked(out, answer.asked);
    }
    out.number(rounds.waiting_.size());
    for (const auto& one : rounds.waiting_) asked(out, one);
    out.time(rounds.lease_until());
  }
  static void asked(Digest& out, const ReadRounds::Asked& asked) {
    out.number(asked.id.value);
    out.replica(asked.origin);
  }
};

}  // namespace polis::consensus::testing
