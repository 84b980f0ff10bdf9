#pragma once

// Transactions as people type them: 'version(lock) = 0', 'put lock me'.

#include <string>
#include <vector>

#include "api/etcd/rpc.pb.h"
#include "base/error.hh"

namespace polis::cli {

// kInvalid: quotes the part that cannot be read, and says what could stand there.
Result<void> parse_txn(const std::vector<std::string>& compares,
                       const std::vector<std::string>& success,
                       const std::vector<std::string>& failure, etcdserverpb::TxnRequest& request);

}  // namespace polis::cli
