#include "consensus/paxos/slots.hh"

#include "base/check.hh"

namespace polis::paxos {
namespace {

std::size_t cost(const Entry& entry) { return entry.size() + sizeof(Entry); }

}  // namespace

const Entry* Slots::find(LogIndex slot) const {
  auto found = slots_.find(slot);
  return found == slots_.end() ? nullptr : &found->second.entry;
}

void Slots::put(Entry entry, Ticket ticket) {
  CHECK(entry.index > base_);
  last_ = std::max(last_, entry.index);
  bytes_ += cost(entry);
  Slot& slot = slots_[entry.index];
  if (slot.entry.index != LogIndex()) bytes_ -= cost(slot.entry);
  slot = {std::move(entry), ticket};
}

void Slots::forget_through(LogIndex slot) {
  if (slot <= base_) return;
  while (!slots_.empty() && slots_.begin()->first <= slot) {
    bytes_ -= cost(slots_.begin()->second.entry);
    slots_.erase(slots_.begin());
  }
  base_ = slot;
  last_ = std::max(last_, base_);
}

std::vector<Entry> Slots::run(LogIndex from, LogIndex through, std::size_t bytes_max) const {
  std::vector<Entry> out;
  std::size_t bytes = 0;
  LogIndex next = from;
  for (auto i = slots_.lower_bound(from); i != slots_.end() && i->first <= through; ++i) {
    bytes += cost(i->second.entry);
    if (i->first != next || (!out.empty() && bytes > bytes_max)) break;
    out.push_back(i->second.entry);
    next = next.next();
  }
  return out;
}

std::vector<Entry> Slots::held(LogIndex from, LogIndex& through, std::size_t bytes_max) const {
  std::vector<Entry> out;
  std::size_t bytes = 0;
  for (auto i = slots_.lower_bound(from); i != slots_.end() && i->first <= through; ++i) {
    bytes += cost(i->second.entry);
    if (!out.empty() && bytes > bytes_max) {
      through = i->first.previous();
      break;
    }
    out.push_back(i->second.entry);
  }
  return out;
}

void SlotSet::add(LogIndex first, LogIndex last) {
  auto next = ranges_.upper_bound(first);
  if (next != ranges_.begin() && std::prev(next)->second.next() >= first) {
    --next;
    first = next->first;
    last = std::max(last, next->second);
    next = ranges_.erase(next);
  }
  while (next != ranges_.end() && next->first <= last.next()) {
    last = std::max(last, next->second);
    next = ranges_.erase(next);
  }
  ranges_[first] = last;
}

bool SlotSet::has(LogIndex slot) const {
  auto next = ranges_.upper_bound(slot);
  return next != ranges_.begin() && std::prev(next)->second >= slot;
}

void SlotSet::forget_through(LogIndex slot) {
  while (!ranges_.empty() && ranges_.begin()->second <= slot) ranges_.erase(ranges_.begin());
}

}  // namespace polis::paxos
