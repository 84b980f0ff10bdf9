#pragma once

// etcdserverpb.Auth on a cell without access control: what an etcd without users and roles says, in
// its words, so that clients that ask whether they have to log in go on. What would make users or
// roles is UNIMPLEMENTED.
//
// Threads: the reactor's.

#include "etcd/common.hh"

namespace polis::etcd {

class AuthService {
 public:
  AuthService(Context context, http::Server& server);

 private:
  Context context_;
};

}  // namespace polis::etcd
