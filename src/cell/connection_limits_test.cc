#include "cell/connection_limits.hh"

#include <gtest/gtest.h>

namespace polis::cell {
namespace {

using namespace std::chrono_literals;

TEST(ConnectionLimits, clients_have_what_is_not_reserved_up_to_what_is_promised) {
  EXPECT_EQ(*client_connections_for({1024, 1024, 1024}), 1024 - kDescriptorsReserved);
  EXPECT_EQ(*client_connections_for({1024, kDescriptorsWanted, 1 << 20}), kClientConnectionsMax);
  EXPECT_EQ(*client_connections_for({1 << 20, 1 << 20, 1 << 20}), kClientConnectionsMax);
}

TEST(ConnectionLimits, a_limit_that_leaves_too_few_is_refused_with_what_to_set) {
  auto refused = client_connections_for({64, 64, 64});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().text.find("LimitNOFILE="), std::string::npos);
}

TEST(ConnectionLimits, refusals_are_reported_at_once_and_then_once_a_minute) {
  RefusalReport report;
  Instant now = Instant() + 1h;
  EXPECT_EQ(report.due(0, now), 0u);
  EXPECT_EQ(report.due(5, now), 5u);
  EXPECT_EQ(report.due(50, now + 30s), 0u);
  EXPECT_EQ(report.due(60, now + 61s), 55u);
  EXPECT_EQ(report.due(60, now + 200s), 0u);
}

}  // namespace
}  // namespace polis::cell
