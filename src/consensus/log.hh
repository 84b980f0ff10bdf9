#pragma once

// The part of the replicated log that is in memory: everything after the compaction point.
// It sits inside a protocol; the write-ahead log on disk holds the same entries for a restart.
//
// Threads: none of its own; owned by one protocol object.

#include <deque>

#include "consensus/types.hh"

namespace polis::consensus {

class Log {
 public:
  // A log whose entries through `mark.index` are part of a snapshot.
  explicit Log(SnapshotMark mark) : mark_(std::move(mark)) {}

  // first_index() - 1 == mark().index; last_index() == mark().index when the log is empty.
  LogIndex first_index() const { return mark_.index.next(); }
  LogIndex last_index() const { return mark_.index + entries_.size(); }
  Term last_term() const { return entries_.empty() ? mark_.term : entries_.back().term; }
  const SnapshotMark& mark() const { return mark_; }
  std::size_t bytes() const { return bytes_; }

  // Whether the term of `index` is known: mark().index <= index <= last_index().
  bool has_term(LogIndex index) const { return index >= mark_.index && index <= last_index(); }
  // Precondition: has_term(index).
  Term term_at(LogIndex index) const;
  // Precondition: first_index() <= index <= last_index().
  const Entry& at(LogIndex index) const;

  // Entries from `from` on, at least one if there is one, and no more than `bytes_max` beyond it.
  std::vector<Entry> slice(LogIndex from, LogIndex through, std::size_t bytes_max) const;

  // Precondition: entry.index == last_index() + 1.
  void append(Entry entry);
  // Forgets `from` and everything behind it.
  void truncate_from(LogIndex from);
  // Forgets everything through `index`, whose term stays known. Precondition: has_term(index).
  void compact_through(LogIndex index, const Configuration& configuration);
  // Forgets everything and begins anew behind `mark`.
  void reset(SnapshotMark mark);

 private:
  SnapshotMark mark_;
  std::deque<Entry> entries_;  // entries_[i].index == mark_.index + 1 + i
  std::size_t bytes_ = 0;      // sum of the payloads, and a fixed cost for each entry
};

}  // namespace polis::consensus
