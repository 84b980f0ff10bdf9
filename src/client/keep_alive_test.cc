#include "client/keep_alive.hh"

#include <gtest/gtest.h>

#include "base/random.hh"

namespace polis::client {
namespace {

constexpr Duration kTtl = std::chrono::seconds(6);
Instant ms(std::int64_t n) { return Instant(std::chrono::milliseconds(n)); }

TEST(KeepAlive, the_claim_counts_from_when_the_question_was_sent) {
  KeepAlive one({.drift_max = 0.01, .margin = std::chrono::milliseconds(40)}, kTtl, ms(1000),
                ms(1500));
  EXPECT_EQ(one.valid_until(), ms(1000 + 5940 - 40));
  auto output = one.take_output();
  EXPECT_FALSE(output.open);
  EXPECT_EQ(output.wake, ms(3000));
  one.on_time(ms(3000));
  output = one.take_output();
  EXPECT_TRUE(output.open);
  EXPECT_TRUE(output.send);
  one.on_answer(kTtl, ms(3900));
  EXPECT_EQ(one.valid_until(), ms(3000 + 5900));
}

TEST(KeepAlive, a_late_answer_to_an_early_question_shortens_nothing) {
  KeepAlive one({}, kTtl, ms(0), ms(0));
  one.on_time(ms(2000));
  one.take_output();
  one.on_answer(std::chrono::seconds(1), ms(2100));  // the cell gives less now
  EXPECT_GT(one.valid_until(), ms(5000));
}

TEST(KeepAlive, a_question_is_sent_a_third_of_the_ttl_after_the_one_before) {
  KeepAlive one({}, kTtl, ms(0), ms(0));
  Instant now = ms(0);
  for (int i = 1; i <= 5; ++i) {
    now = one.take_output().wake;
    EXPECT_EQ(now, ms(2000 * i));
    one.on_time(now);
    EXPECT_TRUE(one.take_output().send);
    one.on_answer(kTtl, now + std::chrono::milliseconds(100));
  }
}

TEST(KeepAlive, without_an_answer_it_asks_elsewhere_and_is_lost_before_the_ttl_is_over) {
  KeepAlive one({}, kTtl, ms(0), ms(0));
  int sent = 0, moved = 0, opened = 0, closed = 0;
  Instant now;
  while (true) {
    const auto output = one.take_output();
    sent += output.send;
    moved += output.move_on;
    opened += output.open;
    closed += output.close;
    if (output.lost) break;
    now = output.wake;
    ASSERT_LT(now, ms(6000));
    one.on_time(now);
  }
  EXPECT_GE(sent, 4);
  EXPECT_EQ(opened, sent);
  EXPECT_EQ(closed, sent);
  EXPECT_EQ(moved, sent - 1);
  EXPECT_EQ(now, one.valid_until());
  EXPECT_LT(now, ms(0) + kTtl);
  EXPECT_TRUE(one.lost());
  EXPECT_EQ(one.take_output().wake, Instant::max());
}

TEST(KeepAlive, a_stream_that_ends_is_replaced_at_once_and_then_at_growing_distances) {
  KeepAlive one({}, kTtl, ms(0), ms(0));
  one.on_time(ms(2000));
  one.take_output();
  one.on_closed(ms(2001));
  auto output = one.take_output();
  EXPECT_TRUE(output.open);
  EXPECT_TRUE(output.send);
  one.on_closed(ms(2002));
  output = one.take_output();
  EXPECT_FALSE(output.open);
  EXPECT_EQ(output.wake, ms(2022));
  one.on_time(ms(2022));
  EXPECT_TRUE(one.take_output().send);
}

TEST(KeepAlive, answers_belong_to_the_stream_that_is_open) {
  KeepAlive one({}, kTtl, ms(0), ms(0));
  one.on_time(ms(2000));
  one.take_output();
  one.on_closed(ms(2500));  // asks again at 2500, on a new stream
  EXPECT_TRUE(one.take_output().send);
  one.on_answer(kTtl, ms(2600));
  EXPECT_EQ(one.valid_until(), ms(2500 + 5940 - 20));
  one.on_answer(kTtl, ms(2700));  // nothing was asked
  EXPECT_EQ(one.valid_until(), ms(2500 + 5940 - 20));
}

TEST(KeepAlive, a_lease_that_the_cell_does_not_know_is_lost) {
  KeepAlive one({}, kTtl, ms(0), ms(0));
  one.on_time(ms(2000));
  one.take_output();
  one.on_answer(Duration::zero(), ms(2010));
  EXPECT_TRUE(one.take_output().lost);
}

TEST(KeepAlive, a_process_that_was_paused_finds_its_claim_ended) {
  KeepAlive one({}, kTtl, ms(0), ms(0));
  one.on_time(ms(2000));
  one.take_output();
  one.on_time(ms(60'000));
  auto output = one.take_output();
  EXPECT_TRUE(output.lost);
  EXPECT_TRUE(output.close);
  EXPECT_FALSE(output.send);
  one.on_answer(kTtl, ms(60'001));
  EXPECT_TRUE(one.lost());
}

// A cell whose clock runs fast by all that is allowed, and a network that loses, delays and cuts:
// whenever the holder counts on the lease, the cell still has it.
TEST(KeepAlive, the_holder_never_counts_on_a_lease_that_the_cell_has_ended) {
  int lost = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    const double drift = 0.05;
    auto ends = [&](Instant renewed) {
      const double term = static_cast<double>(kTtl.count()) / (1 + drift);
      return renewed + Duration(static_cast<Duration::rep>(term));
    };
    // The cell took the grant in the moment in which it was sent.
    Instant now = ms(static_cast<std::int64_t>(random.below(500)));
    Instant cell_ends = ends(ms(0));
    KeepAlive one({.drift_max = drift}, kTtl, ms(0), now);
    std::optional<Instant> answer;  // when it comes, to the question that is open
    bool known = true;              // the cell still had the lease
    for (int step = 0; step < 60; ++step) {
      const auto output = one.take_output();
      if (output.lost) break;
      if (output.close) answer.reset();
      if (output.send && random.chance(0.8)) {
        const Instant taken = now + std::chrono::milliseconds(random.below(300));
        known = taken < cell_ends;
        if (known) cell_ends = ends(taken);
        answer = taken + std::chrono::milliseconds(random.below(1200));
      }
      if (answer && *answer < output.wake) {
        now = *answer;
        answer.reset();
        one.on_answer(known ? kTtl : Duration::zero(), now);
      } else {
        // The process itself may stand still for a while.
        now =
            output.wake + std::chrono::milliseconds(random.chance(0.001) ? random.below(5000) : 0);
        one.on_time(now);
      }
      ASSERT_LE(one.valid_until(), cell_ends) << "seed " << seed;
    }
    lost += one.lost();
  }
  // The network was bad enough to matter, and good enough that some lived on.
  EXPECT_GT(lost, 30);
  EXPECT_LT(lost, 300);
}

}  // namespace
}  // namespace polis::client
