#include "consensus/read_rounds.hh"

#include <utility>

namespace polis::consensus {

void ReadRounds::begin() {
  newest_ = confirmed_ = of_reads_ = 0;
  lease_.reset();
  pending_.clear();
  waiting_.clear();
}

std::vector<ReadRounds::Asked> ReadRounds::end() {
  std::vector<Asked> refused;
  for (const Pending& pending : pending_) refused.push_back(pending.answer.asked);
  refused.insert(refused.end(), waiting_.begin(), waiting_.end());
  begin();
  return refused;
}

void ReadRounds::join_next(LogIndex index) {
  of_reads_ = newest_ + 1;
  for (const Asked& asked : std::exchange(waiting_, {}))
    pending_.push_back({of_reads_, {asked, index}});
}

std::uint64_t ReadRounds::send(Instant now) {
  lease_.on_sent(++newest_, now);
  return newest_;
}

std::vector<ReadRounds::Answer> ReadRounds::confirm(std::uint64_t round) {
  confirmed_ = std::max(confirmed_, round);
  lease_.on_confirmed(confirmed_);
  std::vector<Answer> answers;
  while (!pending_.empty() && pending_.front().round <= confirmed_) {
    answers.push_back(pending_.front().answer);
    pending_.pop_front();
  }
  return answers;
}

}  // namespace polis::consensus
