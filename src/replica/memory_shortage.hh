#pragma once

// Which members are short of memory, and whether the cell has to refuse requests that need more.
//
// A replica is *short* when it has nearly used the memory that its control group allows. It reports
// this to the others. While the voters that are not short are a quorum, writing goes on: if a
// replica ends for lack of memory then, the cell goes on as after any other stop of a replica.
//
// Threads: the loop's. Pure: measurements and time are handed in.

#include <cstdint>
#include <map>

#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::replica {

class MemoryShortage {
 public:
  // A member's last report counts for this long. After that, the member counts as not short.
  static constexpr Duration kToldFor = std::chrono::seconds(2);

  // `used`, `allowed`: bytes that this process uses, and that it may use; `allowed` 0: there is no
  // limit. This replica becomes short when less is free than a start needs: 15 % of `allowed`, or
  // 64 MiB if that is more, but at most half of `allowed`. It stops being short when 5 % of
  // `allowed` more than that is free.
  void on_measured(std::uint64_t used, std::uint64_t allowed);
  // A member has reported whether it is short.
  void on_told(consensus::ReplicaId member, bool is_short, Instant now);

  bool own() const { return short_; }  // this replica is short
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
