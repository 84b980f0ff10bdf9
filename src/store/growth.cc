#include "store/growth.hh"

#include <algorithm>

#include "api/etcd/rpc.pb.h"
#include "store/parse.hh"

namespace polis::store {
namespace {

bool puts(const etcdserverpb::TxnRequest& txn) {
  auto any_puts = [](const auto& operations) {
    return std::ranges::any_of(operations, [](const etcdserverpb::RequestOp& operation) {
      return operation.has_request_put() ||
             (operation.has_request_txn() && puts(operation.request_txn()));
    });
  };
  return any_puts(txn.success()) || any_puts(txn.failure());
}

}  // namespace

bool may_grow(const Command& command) {
  switch (command.kind) {
    case CommandKind::kPut:
    case CommandKind::kLeaseGrant:
      return true;
    case CommandKind::kTxn: {
      etcdserverpb::TxnRequest txn;
      return !parse(txn, command.bytes) || puts(txn);
    }
    case CommandKind::kDeleteRange:
    case CommandKind::kCompact:
    case CommandKind::kLeaseRevoke:
    case CommandKind::kCellVersion:
    case CommandKind::kMastership:
    case CommandKind::kDecision:
      return false;
  }
  return true;
}

}  // namespace polis::store
