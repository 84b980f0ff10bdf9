#include "store/growth.hh"

#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"

namespace polis::store {
namespace {

using namespace etcdserverpb;

bool txn_may_grow(const TxnRequest& txn) {
  const std::string bytes = txn.SerializeAsString();
  return may_grow({CommandKind::kTxn, bytes});
}

TEST(Growth, what_frees_space_or_needs_none_may_always_be_written) {
  for (CommandKind kind : {CommandKind::kDeleteRange, CommandKind::kCompact,
                           CommandKind::kLeaseRevoke, CommandKind::kCellVersion})
    EXPECT_FALSE(may_grow({kind, ""}));
  EXPECT_TRUE(may_grow({CommandKind::kPut, ""}));
  EXPECT_TRUE(may_grow({CommandKind::kLeaseGrant, ""}));
}

TEST(Growth, a_transaction_grows_if_any_of_its_paths_puts) {
  TxnRequest txn;
  txn.add_success()->mutable_request_delete_range()->set_key("k");
  txn.add_failure()->mutable_request_range()->set_key("k");
  EXPECT_FALSE(txn_may_grow(txn));
  TxnRequest nested;
  *nested.add_failure()->mutable_request_txn() = txn;
  EXPECT_FALSE(txn_may_grow(nested));
  nested.mutable_failure(0)->mutable_request_txn()->add_success()->mutable_request_put()->set_key(
      "k");
  EXPECT_TRUE(txn_may_grow(nested));
}

}  // namespace
}  // namespace polis::store
