#pragma once

// Raft for consensus/testing/cluster.hh, with its own safety properties (Raft thesis figure 3.2).

#include <fmt/format.h>

#include "consensus/raft/raft.hh"
#include "consensus/testing/cluster.hh"

namespace polis::raft::testing {

using consensus::testing::broken;
using consensus::testing::Committed;
using consensus::testing::InvariantBroken;
using consensus::testing::text_of;

// Throws InvariantBroken if a property is broken.
class Checker {
 public:
  // Looks at one node, after each step of any. `committed`: what some node has applied.
  void look(std::uint64_t id, const Raft& raft, const Committed& committed) {
    if (raft.role() == Role::kMaster) look_at_leader(id, raft, committed);
    look_at_configuration(id, raft);
  }

  // Log matching: one equal (index, term) means equal logs up to there.
  void compare(const Raft& a, const Raft& b) const {
    const Log& x = a.log();
    const Log& y = b.log();
    LogIndex low = std::max(x.first_index(), y.first_index());
    bool must_match = false;
    for (LogIndex i = std::min(x.last_index(), y.last_index()); i >= low; i = i.previous()) {
      bool same = x.term_at(i) == y.term_at(i);
      if (must_match && !same) broken(fmt::format("log matching: logs differ below {}", i.value));
      if (same && text_of(x.at(i)) != text_of(y.at(i)))
        broken("log matching: one place, two payloads");
      must_match = must_match || same;
    }
  }

 private:
  template <class>
  friend struct consensus::testing::Inspector;

  void look_at_leader(std::uint64_t id, const Raft& raft, const Committed& committed) {
    auto [known, is_new] = leaders_.emplace(raft.term(), ReplicaId(id));
    if (known->second.value != id) {
      broken(fmt::format("election safety: {} and {} lead term {}", id, known->second.value,
                         raft.term().value));
    }
    if (!is_new || leaders_.rbegin()->first > raft.term()) return;  // or one in name only
    for (auto& [index, entry] : committed) {
      if (index <= raft.log().mark().index) continue;
      if (index > raft.log().last_index() || raft.log().term_at(index) != entry.first)
        broken(fmt::format("leader completeness: {} lacks committed entry {}", id, index.value));
    }
  }

  // Raft thesis 4.1: a replica uses the newest configuration in its log.
  void look_at_configuration(std::uint64_t id, const Raft& raft) const {
    const Log& log = raft.log();
    Configuration newest = log.mark().configuration;
    for (LogIndex i = log.last_index(); i >= log.first_index(); i = i.previous()) {
      if (log.at(i).kind != consensus::EntryKind::kConfiguration) continue;
      Reader in(*log.at(i).data);
      if (!decode(in, newest)) broken("a configuration that cannot be read");
      break;
    }
    if (raft.configuration() != newest)
      broken(fmt::format("{} does not use the newest configuration in its log", id));
  }

  std::map<Term, ReplicaId> leaders_;
};

struct Kind {
  using Core = Raft;
  using Checker = testing::Checker;
  static constexpr bool kGaps = false;
  static constexpr bool kIdsAreOrdered = false;  // they are names
  static constexpr const char* kName = "raft";
  static Term term_at(const Raft& raft, LogIndex index) { return raft.log().term_at(index); }
};

using Cluster = consensus::testing::Cluster<Kind>;

}  // namespace polis::raft::testing
