#pragma once

// Which members have room on their disks, and what the cell may still write.
//
// A member *has room* while its disk has `bytes_min` free (the setting disk-free-min). Below that
// it uses its *reserve*, and tells the others so again and again.
//
// While the voters that have room are a quorum, every replica takes every request. Otherwise the
// cell is *full*: requests that need more space are refused; deletion, compaction and the end of
// leases go on in the reserve.
//
// A replica that has used three quarters of its reserve is *exhausted*: soon its log could not take
// what the others write. If the voters that are not exhausted are a quorum, the exhausted replica
// stands still, as if its process had stopped, until it has space again.
//
// Threads: the loop's. Pure: samples and time are handed in.

#include <cstdint>
#include <map>
#include <vector>

#include "base/time.hh"
#include "consensus/types.hh"

namespace polis::replica {

class DiskSpace {
 public:
  // Sent: DO NOT CHANGE the numbers.
  enum class Level : std::uint8_t {
    kEnough = 0,
    kReserve = 1,    // it has no room: it writes into its reserve
    kExhausted = 2,  // it should write nothing
  };
  // A member's last report counts for this long. After that, the member counts as having room.
  static constexpr Duration kToldFor = std::chrono::seconds(2);

  // bytes_min: less free space than this is kReserve; less than a quarter of it is kExhausted.
  // 0: always kEnough.
  explicit DiskSpace(std::uint64_t bytes_min) : min_(bytes_min) {}

  // `free`: bytes free on the disk. `reusable`: bytes inside the engine's file that the engine can
  // use again. They count as free, too, while at least half of bytes_min is really free on the
  // disk, which the log needs.
  void on_measured(std::uint64_t free, std::uint64_t reusable);
  // `refused`: the engine's last write failed because there was no space. This happens also while
  // the disk has free space, for instance at a quota.
  void on_engine_refused(bool refused) { engine_refused_ = refused; }
  // A member has reported its level.
  void on_told(consensus::ReplicaId member, Level level, Instant now);

  Level own() const;                            // of this replica
  std::uint64_t free() const { return free_; }  // bytes, when last measured
  // Free space is below 3 * bytes_min, so it should be measured more often.
  bool scarce() const { return free_ < 3 * min_; }
  // The following functions answer as far as this replica, `own_id`, knows.
  bool has_room(consensus::ReplicaId member, consensus::ReplicaId own_id, Instant now) const;
  // Members without room, sorted.
  std::vector<consensus::ReplicaId> full(consensus::ReplicaId own_id, Instant now) const;
  // The voters that have room are no quorum for committing.
  bool cell_is_full(const consensus::Configuration& configuration, consensus::ReplicaId own_id,
                    Instant now) const;
  // This replica is exhausted, and the voters that are not are a quorum for committing.
  bool should_stand_still(const consensus::Configuration& configuration,
                          consensus::ReplicaId own_id, Instant now) const;

 private:
  Level level_of(consensus::ReplicaId member, consensus::ReplicaId own_id, Instant now) const;
  struct Told {
    Level level;
    Instant at;
  };
  std::uint64_t min_;
  std::uint64_t free_ = UINT64_MAX / 4, reusable_ = 0;
  bool engine_refused_ = false;
  std::map<consensus::ReplicaId, Told> told_;  // members that have kEnough are not in it
};

}  // namespace polis::replica
