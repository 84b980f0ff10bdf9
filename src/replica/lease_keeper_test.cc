#include "replica/lease_keeper.hh"

#include <gtest/gtest.h>

namespace polis::replica {
namespace {

using namespace std::chrono_literals;
const Instant kStart{100s};

TEST(LeaseKeeper, leases_end_in_order_and_each_once) {
  LeaseKeeper keeper;
  keeper.start({}, kStart);
  keeper.on_granted(1, 10, kStart);
  keeper.on_granted(2, 5, kStart);
  EXPECT_TRUE(keeper.take_ended(kStart + 4s, 10).empty());
  EXPECT_EQ(keeper.take_ended(kStart + 20s, 10), (std::vector<std::int64_t>{2, 1}));
  EXPECT_TRUE(keeper.take_ended(kStart + 20s, 10).empty());
}

TEST(LeaseKeeper, a_renewal_counts_from_when_it_was_asked_for_and_never_shortens) {
  LeaseKeeper keeper;
  keeper.start({}, kStart);
  keeper.on_granted(1, 10, kStart);
  EXPECT_TRUE(keeper.renew(1, 10, kStart + 5s));
  EXPECT_TRUE(keeper.renew(1, 10, kStart + 1s));
  EXPECT_EQ(keeper.remaining(1, kStart + 5s), Duration(10s));
}

TEST(LeaseKeeper, a_lease_whose_end_is_proposed_cannot_be_renewed) {
  LeaseKeeper keeper;
  keeper.start({}, kStart);
  keeper.on_granted(1, 10, kStart);
  EXPECT_FALSE(keeper.is_ending(1));
  EXPECT_EQ(keeper.take_ended(kStart + 11s, 10).size(), 1u);
  EXPECT_TRUE(keeper.is_ending(1));
  EXPECT_FALSE(keeper.renew(1, 10, kStart + 11s));
  keeper.on_revoke_failed(1, kStart + 12s);
  EXPECT_FALSE(keeper.is_ending(1));
  EXPECT_EQ(keeper.take_ended(kStart + 14s, 10).size(), 1u);
  keeper.on_revoked(1);
  EXPECT_FALSE(keeper.is_ending(1));
}

TEST(LeaseKeeper, a_renewal_after_the_end_was_noticed_saves_the_lease) {
  LeaseKeeper keeper;
  keeper.start({}, kStart);
  keeper.on_granted(1, 10, kStart);
  EXPECT_FALSE(keeper.has_ended(kStart + 9s));
  EXPECT_TRUE(keeper.has_ended(kStart + 10s));
  EXPECT_TRUE(keeper.renew(1, 10, kStart + 11s));
  EXPECT_TRUE(keeper.take_ended(kStart + 10s, 10).empty());
}

TEST(LeaseKeeper, a_lease_that_ran_out_during_a_stall_goes_on_for_a_while_once) {
  LeaseKeeper keeper;
  keeper.start({}, kStart);
  keeper.on_granted(1, 2, kStart);  // was over when the stall began
  keeper.on_granted(2, 5, kStart);  // ran out during it
  keeper.on_granted(3, 9, kStart);  // goes on anyway
  keeper.on_stall(kStart + 3s, kStart + 8s, 1s);
  EXPECT_EQ(keeper.take_ended(kStart + 8s, 10), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(keeper.remaining(2, kStart + 8s), Duration(1s));
  EXPECT_EQ(keeper.remaining(3, kStart + 8s), Duration(1s));
  // A loop that stands still again and again ends leases all the same ...
  keeper.on_stall(kStart + 8s, kStart + 10s, 1s);
  EXPECT_EQ(keeper.take_ended(kStart + 10s, 10), (std::vector<std::int64_t>{2}));
  // ... and a lease that was renewed has its grace again.
  EXPECT_TRUE(keeper.renew(3, 9, kStart + 10s));
  keeper.on_stall(kStart + 10s, kStart + 20s, 1s);
  EXPECT_TRUE(keeper.take_ended(kStart + 20s, 10).empty());
}

TEST(LeaseKeeper, a_new_master_gives_every_lease_its_full_term) {
  store::Leases leases;
  leases.grant(7, 30);
  LeaseKeeper keeper;
  keeper.on_granted(7, 30, kStart);  // not master: nothing is kept
  EXPECT_FALSE(keeper.remaining(7, kStart).has_value());
  keeper.start(leases, kStart + 100s);
  EXPECT_EQ(keeper.remaining(7, kStart + 101s), Duration(29s));
  keeper.stop();
  EXPECT_TRUE(keeper.take_ended(kStart + 1000s, 10).empty());
}

}  // namespace
}  // namespace polis::replica
