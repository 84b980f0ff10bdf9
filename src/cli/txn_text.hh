#pragma once

// Reads transactions as people type them: compares such as 'version(lock) = 0', operations such as
// 'put lock me'.
//
// Threads: any; pure.

#include <string>
#include <vector>

#include "api/etcd/rpc.pb.h"
#include "base/error.hh"

namespace polis::cli {

// Makes `request` from the compares and the operations of both branches. kInvalid: the text quotes
// the part that cannot be read, and says what could stand there.
Result<void> parse_txn(const std::vector<std::string>& compares,
                       const std::vector<std::string>& success,
                       const std::vector<std::string>& failure, etcdserverpb::TxnRequest& request);

}  // namespace polis::cli
