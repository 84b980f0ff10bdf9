#include "etcd/long_reads.hh"

#include <utility>

namespace polis::etcd {

bool LongReads::add(std::unique_ptr<Job> job) {
  if (at_once_ > 0 && job->run(at_once_)) return true;
  if (jobs_.size() >= kLongReadsMax) return false;
  jobs_.push_back(std::move(job));
  wake_();
  return true;
}

void LongReads::turn_end() {
  at_once_ = kTurnWork;
  std::uint64_t work = kTurnWork;
  while (work > 0 && !jobs_.empty()) {
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    if (job->run(work)) continue;
    jobs_.push_back(std::move(job));
    break;  // it wants the next turn, and the others come before it
  }
  if (!jobs_.empty()) wake_();
}

void LongReads::on_store_replaced() {
  for (auto& job : std::exchange(jobs_, {})) job->on_store_replaced();
}

}  // namespace polis::etcd
