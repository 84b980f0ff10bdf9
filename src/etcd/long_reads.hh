#pragma once

// Carries out reads that may take long, in slices. In each turn of the loop all of them together do
// a bounded amount of work, one after the other, so that consensus, leases and short requests go on
// meanwhile.
//
// Threads: the loop's. Life: construct -> add at any time, turn_end after each turn -> destroy,
// which drops the jobs that wait.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

namespace polis::etcd {

// Work of one turn, in the store's units (store.hh): a few milliseconds.
inline constexpr std::uint64_t kTurnWork = 256 << 10;
// At most this many reads may wait for their next slice. Further ones are refused.
inline constexpr std::size_t kLongReadsMax = 1000;

class LongReads {
 public:
  class Job {
   public:
    virtual ~Job() = default;
    // Goes on until `work` is used up, and subtracts the work that it did; `work` is 0 or more.
    // True: the job is complete, and has answered its call. A step that cannot be divided may take
    // more than `work` if that is the work of a whole turn.
    virtual bool run(std::uint64_t& work) = 0;
    // The state that it has read is void: it must answer its call with an error. It is destroyed
    // then.
    virtual void on_store_replaced() = 0;
  };

  // `wake`: called when another turn is needed; it must make the loop have one.
  explicit LongReads(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Runs the job at once as far as the work of this turn allows, and the rest in later turns.
  // False: too many jobs wait; this one was dropped, and the caller must answer its call.
  [[nodiscard]] bool add(std::unique_ptr<Job> job);
  // Call it at the end of every turn.
  void turn_end();
  // Ends all jobs by Job::on_store_replaced.
  void on_store_replaced();
  std::size_t size() const { return jobs_.size(); }

 private:
  std::function<void()> wake_;
  std::deque<std::unique_ptr<Job>> jobs_;
  std::uint64_t at_once_ = kTurnWork;  // the work left for jobs that are added in this turn
};

}  // namespace polis::etcd
