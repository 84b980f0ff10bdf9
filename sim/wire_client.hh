#pragma once

// The real client library in a process of its own, on a machine of its own whose clock is right.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/etcd/rpc.pb.h"
#include "client/client.hh"
#include "sim/history.hh"
#include "sim/stream_network.hh"

namespace polis::sim {

// What a client knows of a write that ended with this status. The client library says of a request
// whether it may have arrived, and a replica that it refuses it.
Outcome outcome_of(const http::GrpcStatus& status, client::Client::Sent sent);

class WireClient {
 public:
  WireClient(StreamNetwork& network, const std::string& name, std::vector<io::Address> endpoints)
      : machine_(network.world(), 0),
        host_(network.add_host(machine_, name)),
        client_(machine_, *host_, {.endpoints = std::move(endpoints)}) {}

  client::Client& client() { return client_; }
  // `tried` did not answer as it should: another one comes next, unless the client has left it
  // already.
  void leave(const io::Address& tried) {
    if (client_.endpoint() == tried) client_.move_on();
  }
  Machine& machine() { return machine_; }
  StreamHost& host() { return *host_; }

  template <typename Response>
  using Done = std::function<void(Outcome outcome, const Response& response)>;
  template <typename Response, typename Request>
  void call(const char* path, const Request& request, Duration timeout, Done<Response> done) {
    client_.ask(path, request.SerializeAsString(), timeout,
                [this, done = std::move(done)](const http::GrpcStatus& status,
                                               client::Client::Sent sent, std::string_view bytes) {
                  Response response;
                  response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
                  status_ = status;
                  done(outcome_of(status, sent), response);
                });
  }
  // With which the newest call ended.
  const http::GrpcStatus& status() const { return status_; }

 private:
  Machine machine_;
  std::unique_ptr<StreamHost> host_;
  client::Client client_;
  http::GrpcStatus status_;
};

inline constexpr char kPutPath[] = "/etcdserverpb.KV/Put", kRangePath[] = "/etcdserverpb.KV/Range",
                      kRangeStreamPath[] = "/etcdserverpb.KV/RangeStream",
                      kTxnPath[] = "/etcdserverpb.KV/Txn",
                      kDeletePath[] = "/etcdserverpb.KV/DeleteRange",
                      kCompactPath[] = "/etcdserverpb.KV/Compact",
                      kGrantPath[] = "/etcdserverpb.Lease/LeaseGrant",
                      kRevokePath[] = "/etcdserverpb.Lease/LeaseRevoke",
                      kKeepAlivePath[] = "/etcdserverpb.Lease/LeaseKeepAlive",
                      kWatchPath[] = "/etcdserverpb.Watch/Watch";

}  // namespace polis::sim
