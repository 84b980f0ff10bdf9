#pragma once

// How a request ended: gRPC codes, and texts of etcd that etcd's clients compare.
//
// Threads: plain values.
// Source: etcd's api/v3/v3rpc/rpctypes; the texts are part of the wire contract, DO NOT CHANGE.

#include <string>
#include <string_view>

namespace polis::store {

// The gRPC status codes that are used here. The numbers are gRPC's.
enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

struct Status {
  Code code = Code::kOk;
  std::string text;

  bool ok() const { return code == Code::kOk; }
};

namespace status {

inline Status empty_key() { return {Code::kInvalidArgument, "etcdserver: key is not provided"}; }
inline Status key_not_found() { return {Code::kInvalidArgument, "etcdserver: key not found"}; }
inline Status value_provided() { return {Code::kInvalidArgument, "etcdserver: value is provided"}; }
inline Status lease_provided() { return {Code::kInvalidArgument, "etcdserver: lease is provided"}; }
inline Status too_many_ops() {
  return {Code::kInvalidArgument, "etcdserver: too many operations in txn request"};
}
inline Status duplicate_key() {
  return {Code::kInvalidArgument, "etcdserver: duplicate key given in txn request"};
}
inline Status invalid_sort() { return {Code::kInvalidArgument, "etcdserver: invalid sort option"}; }
inline Status malformed() {
  return {Code::kInvalidArgument, "polis: request is not a valid protobuf message of this method"};
}
inline Status too_large() { return {Code::kInvalidArgument, "etcdserver: request is too large"}; }
inline Status compacted() {
  return {Code::kOutOfRange, "etcdserver: mvcc: required revision has been compacted"};
}
inline Status future_revision() {
  return {Code::kOutOfRange, "etcdserver: mvcc: required revision is a future revision"};
}
inline Status no_space() {
  return {Code::kResourceExhausted, "etcdserver: mvcc: database space exceeded"};
}
inline Status short_of_memory() {
  return {Code::kResourceExhausted,
          "polis: the memory that the replicas may use is nearly used up; delete keys and compact, "
          "or raise the limit (memory.max, MemoryMax=)"};
}
inline Status too_many_requests() {
  return {Code::kResourceExhausted, "etcdserver: too many requests"};
}
inline Status lease_not_found() {
  return {Code::kNotFound, "etcdserver: requested lease not found"};
}
inline Status lease_exists() {
  return {Code::kFailedPrecondition, "etcdserver: lease already exists"};
}
inline Status lease_ttl_too_large() {
  return {Code::kOutOfRange, "etcdserver: too large lease TTL"};
}
inline Status no_leader() { return {Code::kUnavailable, "etcdserver: no leader"}; }
inline Status leader_changed() { return {Code::kUnavailable, "etcdserver: leader changed"}; }
inline Status timed_out() { return {Code::kUnavailable, "etcdserver: request timed out"}; }
inline Status stopped() { return {Code::kUnavailable, "etcdserver: server stopped"}; }
inline Status not_leader() { return {Code::kFailedPrecondition, "etcdserver: not leader"}; }
inline Status transfer_timed_out() {
  return {Code::kDeadlineExceeded, "etcdserver: request timed out, leader transfer took too long"};
}
inline Status bad_transferee() {
  return {Code::kFailedPrecondition, "etcdserver: bad leader transferee"};
}

}  // namespace status
}  // namespace polis::store
