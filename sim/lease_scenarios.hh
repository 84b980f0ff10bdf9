#pragma once

// Scenarios (scenarios.hh) of leases and locks; scenarios.cc has their names. Each throws a
// Violation if its fact does not hold.

namespace polis::sim {

void paused_master_ends_no_lease();
void paused_master_ends_no_lease_at_the_last_moment();
void adopted_decision_has_no_effect();
void waiting_renewals_come_before_the_end();
void leases_outlive_masters();

}  // namespace polis::sim
