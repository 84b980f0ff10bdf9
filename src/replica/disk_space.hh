#pragma once

// Which members have room on their disks, and what the cell may write then.
//
// A replica with less free space than disk-free-min says so to the others, again and again. While
// the voters that have room are a quorum, every replica goes on to take every request. Otherwise
// the cell is full: what needs more space is refused, and what makes or needs none (deletion,
// compaction, the end of leases) goes on in the reserve. A replica whose reserve is used up, too,
// stands still like one that has stopped if the others can do without it, until it has space again:
// its log could not take what they write.
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
    kReserve = 1,    // what needs space should be written elsewhere
    kExhausted = 2,  // nothing may be written
  };
  // What a member has said holds for this long.
  static constexpr Duration kToldFor = std::chrono::seconds(2);

  // bytes_min: less free space than this is kReserve; less than a quarter of it is kExhausted.
  // 0: always kEnough.
  explicit DiskSpace(std::uint64_t bytes_min) : min_(bytes_min) {}

  // Bytes free on the disk, and bytes inside the engine's file that it can use again. The latter
  // count as free while at least half of the minimum is really free: the log needs that.
  void on_measured(std::uint64_t free, std::uint64_t reusable);
  // The engine found no space, or found it again, whatever the disk says: a quota, for example.
  void on_engine_refused(bool refused) { engine_refused_ = refused; }
  void on_told(consensus::ReplicaId member, Level level, Instant now);

  Level own() const;
  std::uint64_t free() const { return free_; }  // bytes, when last measured
  // Less than this is worth looking at more often.
  bool scarce() const { return free_ < 3 * min_; }
  // As far as this replica, `own_id`, knows.
  bool has_room(consensus::ReplicaId member, consensus::ReplicaId own_id, Instant now) const;
  // Members without room, sorted.
  std::vector<consensus::ReplicaId> full(consensus::ReplicaId own_id, Instant now) const;
  // The voters that have room are no quorum that could commit.
  bool cell_is_full(const consensus::Configuration& configuration, consensus::ReplicaId own_id,
                    Instant now) const;
  // This replica's reserve is used up, and the voters whose reserve is not are a quorum.
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
  std::map<consensus::ReplicaId, Told> told_;  // without those who have enough
};

}  // namespace polis::replica
