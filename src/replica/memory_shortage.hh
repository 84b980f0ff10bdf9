#pragma once

// Which members are short of memory, and whether the cell has to refuse requests that need more.
//
// A replica is *short* when it has nearly used the memory that its control group allows; it tells
// the others so. While the voters that are not short are a quorum, writing goes on: a replica that
// ends for lack of memory is missed no more than any other that stops.
//
// Threads: the loop's. Pure.

#include <cstdint>
#include <map>

#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::replica {

class MemoryShortage {
 public:
  // What a member has told counts for this long.
  static constexpr Duration kToldFor = std::chrono::seconds(2);

  // Bytes that this process uses and may use; `allowed` 0: there is no limit. This replica is short
  // while less is free than a start needs: 15 % of `allowed`, or 64 MiB if that is more, but at
  // most half of it.
  void on_measured(std::uint64_t used, std::uint64_t allowed);
  void on_told(consensus::ReplicaId member, bool is_short, Instant now);

  bool own() const { return short_; }
  std::uint64_t used() const { return used_; }
  std::uint64_t allowed() const { return allowed_; }
  // The voters that are not short are no quorum for committing.
  bool cell_is_short(const consensus::Configuration& configuration, consensus::ReplicaId own_id,
                     Instant now) const;

 private:
  std::uint64_t used_ = 0, allowed_ = 0;
  bool short_ = false;
  std::map<consensus::ReplicaId, Instant> told_;  // when a member last said that it is short
};

}  // namespace polis::replica
