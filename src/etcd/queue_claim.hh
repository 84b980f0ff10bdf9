#pragma once

// A place in a queue that this replica waits for in the name of a client: what Lock.Lock and
// Election.Campaign are made of.
//
// It is the queue of etcd's recipe (package concurrency of its Go client), and that of
// client/claim.hh: each claimant's key is NAME/LEASE, the lease in hex, and hangs on that lease;
// the key with the smallest create revision holds, and each other one waits until the one before
// it is gone. So all of them, and `etcdctl lock`, wait in one queue.
//
// The same lease claims once: a second call waits for the same key. When the client goes, or its
// deadline passes, before it holds, the key is removed again by the call that made it.
//
// Where it departs from etcd's service: a claimant whose key is gone is told so at once, and is
// never told that it holds; waiting goes on while there is no master.
//
// Threads: the loop's. Life: begin; it lives as long as the client's call and what it began.

#include <functional>
#include <memory>
#include <string>

#include "etcd/inner_calls.hh"

namespace etcdserverpb {
class RangeResponse;
class TxnResponse;
class WatchResponse;
}  // namespace etcdserverpb

namespace polis::etcd {

class QueueClaim : public std::enable_shared_from_this<QueueClaim> {
 public:
  struct Request {
    std::string name;
    std::int64_t lease = 0;  // 0: one of kLeaseSeconds is granted
    std::string value;       // what the key holds
    bool replace = false;    // also if there is a key already
    // What the client is told if its key is gone before it holds.
    std::string lost;
  };
  struct Held {
    std::string key;
    std::int64_t created = 0;  // the key's create revision
    std::int64_t lease = 0;
    std::string entered, looked;  // ResponseHeader of when it came into the queue, and held
  };
  static constexpr std::int64_t kLeaseSeconds = 60;

  // Finishes `call` with an error, or calls `held` once; nothing if the client goes before that.
  static void begin(InnerCalls& inner, http::CallPtr call, Request request,
                    std::function<void(const Held&)> held);

  // For `begin` alone.
  QueueClaim(InnerCalls& inner, http::CallPtr call, Request request,
             std::function<void(const Held&)> held);

 private:
  void enter();
  void on_entered(const http::GrpcStatus& status, const etcdserverpb::TxnResponse& response);
  void replace_value();
  void look();
  void on_looked(const http::GrpcStatus& status, const etcdserverpb::TxnResponse& response);
  void wait_for(const std::string& before, std::int64_t from);
  void look_later();
  void hold();
  void fail(const http::GrpcStatus& status);
  void on_client_gone();
  void remove();

  InnerCalls& inner_;
  http::CallPtr call_;  // null when it is over
  Request request_;
  std::function<void(const Held&)> held_;
  std::string prefix_;
  Held place_;
  bool made_ = false;  // the key, by this call
  std::unique_ptr<InnerCalls::Watch> watch_;
  std::unique_ptr<io::Timer> timer_;
};

// How a service that is made of calls of others ends with their errors: etcd's tells all of them as
// UNKNOWN, with their texts.
http::GrpcStatus as_unknown(const http::GrpcStatus& status);
// Grants a lease for who has none. `done` with the given one, or the new one.
void lease_or_grant(InnerCalls& inner, std::int64_t lease,
                    std::function<void(const http::GrpcStatus&, std::int64_t lease)> done);

}  // namespace polis::etcd
