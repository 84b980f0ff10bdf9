#include "consensus/options.hh"

namespace polis::consensus {

const char* to_string(Protocol protocol) { return protocol == Protocol::kPaxos ? "paxos" : "raft"; }

std::optional<Protocol> protocol_of(std::string_view name) {
  for (Protocol one : {Protocol::kRaft, Protocol::kPaxos}) {
    if (name == to_string(one)) return one;
  }
  return std::nullopt;
}

Result<void> Options::validate() const {
  if (id == kNoReplica) return fail(ErrorCode::kInvalid, "replica id must not be 0");
  if (heartbeat_interval <= Duration::zero()) {
    return fail(ErrorCode::kInvalid, "heartbeat interval must be greater than 0");
  }
  if (election_timeout_min < 3 * heartbeat_interval) {
    return fail(ErrorCode::kInvalid, "election timeout must be at least 3 heartbeat intervals");
  }
  if (election_timeout_max <= election_timeout_min) {
    return fail(ErrorCode::kInvalid, "largest election timeout must be greater than the smallest");
  }
  if (lease.length > election_timeout_min) {
    return fail(ErrorCode::kInvalid, "the lease must not be longer than the election timeout");
  }
  return lease.validate();
}

}  // namespace polis::consensus
