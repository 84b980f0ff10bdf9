#pragma once

// Which members are short of memory, and whether the cell has to refuse what needs more.
//
// A replica that has nearly used what its control group allows says so to the others. While the
// voters that are not short are a quorum, writing goes on: a short one that ends for lack of memory
// is missed like any other that stops.
//
// Threads: the loop's. Pure.

#include <cstdint>
#include <map>

#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::replica {

class MemoryShortage {
 public:
  static constexpr Duration kToldFor = std::chrono::seconds(2);

  // Of this replica: bytes used and allowed; allowed 0: there is no limit. Short while less is free
  // than a start needs: 15 %, or 64 MiB if that is more, but at most half.
  void on_measured(std::uint64_t used, std::uint64_t allowed);
  void on_told(consensus::ReplicaId member, bool is_short, Instant now);

  bool own() const { return short_; }
  std::uint64_t used() const { return used_; }
  std::uint64_t allowed() const { return allowed_; }
  // Without the voters that are short there is no quorum that could commit.
  bool cell_is_short(const consensus::Configuration& configuration, consensus::ReplicaId own_id,
                     Instant now) const;

 private:
  std::uint64_t used_ = 0, allowed_ = 0;
  bool short_ = false;
  std::map<consensus::ReplicaId, Instant> told_;  // when a member last said that it is short
};

}  // namespace polis::replica
