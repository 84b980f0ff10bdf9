#pragma once

// Reads that may take long, in slices: a turn of the loop gives all of them together a bounded
// amount of work, round robin, so that consensus, leases and short requests go on between.
//
// Threads: the reactor's.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

namespace polis::etcd {

// Work of one turn, in the store's units (store.hh): a few milliseconds.
inline constexpr std::uint64_t kTurnWork = 256 << 10;
// Reads that wait for their next slice; more than this and new ones are refused.
inline constexpr std::size_t kLongReadsMax = 1000;

class LongReads {
 public:
  class Job {
   public:
    virtual ~Job() = default;
    // Goes on, and takes what it did from `work`. True: it is done, and has answered. A step that
    // cannot be divided may cost more than `work`, if that is a whole turn's.
    virtual bool run(std::uint64_t& work) = 0;
    // What it has read is void: it answers that.
    virtual void on_store_replaced() = 0;
  };

  // `wake` sees to it that there is another turn.
  explicit LongReads(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Runs it at once as far as this turn's work goes, and the rest later. False: too many are under
  // way, and this one was dropped.
  [[nodiscard]] bool add(std::unique_ptr<Job> job);
  // At the end of every turn.
  void turn_end();
  void on_store_replaced();
  std::size_t size() const { return jobs_.size(); }

 private:
  std::function<void()> wake_;
  std::deque<std::unique_ptr<Job>> jobs_;
  std::uint64_t at_once_ = kTurnWork;  // left for those that come in this turn
};

}  // namespace polis::etcd
