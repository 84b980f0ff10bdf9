#include "consensus/paxos/slots.hh"

#include <algorithm>

#include "base/check.hh"

namespace polis::paxos {
namespace {

std::size_t cost(const Entry& entry) { return entry.size() + sizeof(Entry); }

}  // namespace

const Slots::Slot* Slots::look(LogIndex slot) const {
  if (chunks_.empty()) return nullptr;
  const std::uint64_t number = slot.value / kChunk;
  auto chunk = std::prev(chunks_.end());
  if (chunk->first != number) chunk = chunks_.find(number);
  if (chunk == chunks_.end()) return nullptr;
  const Slot& found = chunk->second[slot.value % kChunk];
  return found.held() ? &found : nullptr;
}

Slots::Slot& Slots::make(LogIndex slot) {
  const std::uint64_t number = slot.value / kChunk;
  // Nearly always the newest chunk, or one behind it.
  return chunks_.try_emplace(chunks_.lower_bound(number), number)->second[slot.value % kChunk];
}

template <class F>
void Slots::each(LogIndex from, LogIndex through, F f) const {
  const std::uint64_t first = from.value / kChunk;
  for (auto chunk = chunks_.lower_bound(first); chunk != chunks_.end(); ++chunk) {
    std::uint64_t slot = std::max(chunk->first * kChunk, from.value);
    for (; slot / kChunk == chunk->first; ++slot) {
      if (slot > through.value) return;
      const Slot& one = chunk->second[slot % kChunk];
      if (one.held() && !f(one.entry)) return;
    }
  }
}

const Entry* Slots::find(LogIndex slot) const {
  const Slot* found = look(slot);
  return found == nullptr ? nullptr : &found->entry;
}

const Entry& Slots::at(LogIndex slot) const {
  const Slot* found = look(slot);
  CHECK(found != nullptr);
  return found->entry;
}

Ticket Slots::ticket(LogIndex slot) const {
  const Slot* found = look(slot);
  CHECK(found != nullptr);
  return found->ticket;
}

void Slots::put(Entry entry, Ticket ticket) {
  CHECK(entry.index > base_);
  last_ = std::max(last_, entry.index);
  bytes_ += cost(entry);
  Slot& slot = make(entry.index);
  if (slot.held()) bytes_ -= cost(slot.entry);
  slot = {std::move(entry), ticket};
}

void Slots::forget_through(LogIndex slot) {
  if (slot <= base_) return;
  each(first(), slot, [this](const Entry& entry) {
    bytes_ -= cost(entry);
    return true;
  });
  const std::uint64_t boundary = slot.value / kChunk;
  chunks_.erase(chunks_.begin(), chunks_.lower_bound(boundary));
  if (auto chunk = chunks_.find(boundary); chunk != chunks_.end())
    std::fill_n(chunk->second.begin(), slot.value % kChunk + 1, Slot());
  base_ = slot;
  last_ = std::max(last_, base_);
}

std::vector<Entry> Slots::run(LogIndex from, LogIndex through, std::size_t bytes_max) const {
  std::vector<Entry> out;
  std::size_t bytes = 0;
  LogIndex next = from;
  each(from, through, [&](const Entry& entry) {
    bytes += cost(entry);
    if (entry.index != next || (!out.empty() && bytes > bytes_max)) return false;
    out.push_back(entry);
    next = next.next();
    return true;
  });
  return out;
}

std::vector<Entry> Slots::held(LogIndex from, LogIndex& through, std::size_t bytes_max) const {
  std::vector<Entry> out;
  std::size_t bytes = 0;
  LogIndex last = through;
  each(from, through, [&](const Entry& entry) {
    bytes += cost(entry);
    if (!out.empty() && bytes > bytes_max) {
      last = entry.index.previous();
      return false;
    }
    out.push_back(entry);
    return true;
  });
  through = last;
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
