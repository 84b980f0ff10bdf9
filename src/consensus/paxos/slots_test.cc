#include "consensus/paxos/slots.hh"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/random.hh"

namespace polis::paxos {
namespace {

Entry entry(std::uint64_t slot, std::string text = "v") {
  return {Term(1), LogIndex(slot), consensus::EntryKind::kCommand, share(std::move(text)),
          ReplicaId(1)};
}

TEST(Slots, a_run_ends_at_the_first_gap_and_what_is_held_does_not) {
  Slots slots(LogIndex(3));
  for (std::uint64_t i : {4, 5, 7, 9}) slots.put(entry(i), Ticket(i));
  EXPECT_EQ(slots.run(LogIndex(4), LogIndex(9), 1000).size(), 2u);
  EXPECT_EQ(slots.run(LogIndex(6), LogIndex(9), 1000).size(), 0u);
  LogIndex through(9);
  EXPECT_EQ(slots.held(LogIndex(4), through, 1000).size(), 4u);
  EXPECT_EQ(through, LogIndex(9));
  EXPECT_EQ(slots.held(LogIndex(4), through, 1).size(), 1u);
  EXPECT_EQ(through, LogIndex(4));
  EXPECT_EQ(slots.ticket(LogIndex(7)), Ticket(7));
}

TEST(Slots, bytes_are_those_of_what_is_held) {
  Slots slots((LogIndex()));
  slots.put(entry(1, "abc"), Ticket(1));
  const std::size_t one = slots.bytes();
  slots.put(entry(1, "abcd"), Ticket(2));
  EXPECT_EQ(slots.bytes(), one + 1);
  slots.put(entry(5, "abc"), Ticket(3));
  slots.forget_through(LogIndex(5));
  EXPECT_EQ(slots.bytes(), 0u);
  EXPECT_EQ(slots.first(), LogIndex(6));
  EXPECT_EQ(slots.last(), LogIndex(5));
}

TEST(Slots, is_a_map_with_gaps_of_any_width) {
  Random random(11);
  for (int round = 0; round < 100; ++round) {
    const std::uint64_t base = random.below(200);
    Slots slots((LogIndex(base)));
    std::map<std::uint64_t, Ticket> model;
    std::uint64_t forgotten = base;
    for (std::uint64_t i = 1; i <= 200; ++i) {
      const std::uint64_t gap = random.chance(0.02) ? 1'000'000'000 : random.below(300);
      const std::uint64_t slot = forgotten + 1 + gap;
      if (random.chance(0.05)) {
        slots.forget_through(LogIndex(slot));
        model.erase(model.begin(), model.upper_bound(slot));
        forgotten = slot;
      } else {
        slots.put(entry(slot), Ticket(i));
        model[slot] = Ticket(i);
      }
      ASSERT_EQ(slots.first(), LogIndex(forgotten + 1));
      ASSERT_EQ(slots.last(), LogIndex(model.empty() ? forgotten : model.rbegin()->first));
      ASSERT_EQ(slots.bytes() == 0, model.empty());
      for (std::uint64_t at = forgotten; at < forgotten + 320; ++at) {
        ASSERT_EQ(slots.holds(LogIndex(at)), model.contains(at)) << at;
        if (!model.contains(at)) continue;
        ASSERT_EQ(slots.ticket(LogIndex(at)), model[at]);
      }
      LogIndex through(UINT64_MAX);
      const std::uint64_t from = forgotten + 1 + random.below(300);
      ASSERT_EQ(slots.held(LogIndex(from), through, SIZE_MAX).size(),
                static_cast<std::size_t>(std::distance(model.lower_bound(from), model.end())));
      std::uint64_t end = from;
      while (model.contains(end)) ++end;
      ASSERT_EQ(slots.run(LogIndex(from), LogIndex(UINT64_MAX), SIZE_MAX).size(), end - from);
    }
  }
}

TEST(SlotSet, is_a_set) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    SlotSet set;
    std::set<std::uint64_t> model;
    std::uint64_t forgotten = 0;  // nobody asks about these: a range may stay whole
    for (int i = 0; i < 30; ++i) {
      const std::uint64_t first = 1 + random.below(60), last = first + random.below(6);
      if (random.chance(0.1)) {
        set.forget_through(LogIndex(first));
        forgotten = std::max(forgotten, first);
      } else {
        set.add(LogIndex(first), LogIndex(last));
        for (std::uint64_t slot = first; slot <= last; ++slot) model.insert(slot);
      }
      for (std::uint64_t slot = forgotten + 1; slot < 70; ++slot)
        ASSERT_EQ(set.has(LogIndex(slot)), model.contains(slot)) << slot;
    }
  }
}

}  // namespace
}  // namespace polis::paxos
