#include "consensus/log.hh"

#include "base/check.hh"

namespace polis::consensus {
namespace {

std::size_t cost(const Entry& entry) { return entry.size() + sizeof(Entry); }

}  // namespace

Term Log::term_at(LogIndex index) const {
  CHECK(has_term(index));
  return index == mark_.index ? mark_.term : at(index).term;
}

const Entry& Log::at(LogIndex index) const {
  CHECK(index >= first_index() && index <= last_index());
  return entries_[index - first_index()];
}

std::vector<Entry> Log::slice(LogIndex from, LogIndex through, std::size_t bytes_max) const {
  std::vector<Entry> out;
  std::size_t bytes = 0;
  for (LogIndex i = from; i <= through && i <= last_index(); i = i.next()) {
    const Entry& entry = at(i);
    bytes += cost(entry);
    if (!out.empty() && bytes > bytes_max) break;
    out.push_back(entry);
  }
  return out;
}

void Log::append(Entry entry) {
  CHECK(entry.index == last_index().next());
  CHECK(entry.term >= last_term());  // terms never fall along a log (Raft thesis 3.5)
  bytes_ += cost(entry);
  entries_.push_back(std::move(entry));
}

void Log::truncate_from(LogIndex from) {
  CHECK(from >= first_index());
  while (last_index() >= from) {
    bytes_ -= cost(entries_.back());
    entries_.pop_back();
  }
}

void Log::compact_through(LogIndex index, const Configuration& configuration) {
  if (index <= mark_.index) return;
  Term term = term_at(index);
  while (!entries_.empty() && entries_.front().index <= index) {
    bytes_ -= cost(entries_.front());
    entries_.pop_front();
  }
  mark_ = {index, term, configuration};
}

void Log::reset(SnapshotMark mark) {
  entries_.clear();
  bytes_ = 0;
  mark_ = std::move(mark);
}

}  // namespace polis::consensus
