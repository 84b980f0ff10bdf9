#pragma once

// etcdserverpb.Auth on a cell without access control. It answers with the texts of an etcd that has
// no users and roles, so that clients which ask whether they must log in go on. Methods that would
// make users or roles answer UNIMPLEMENTED.
//
// Threads: the loop's. Life: the constructor adds the methods to the server; outlives the server's
// calls.

#include "etcd/common.hh"

namespace polis::etcd {

class AuthService {
 public:
  AuthService(Context context, http::Server& server);

 private:
  Context context_;
};

}  // namespace polis::etcd
