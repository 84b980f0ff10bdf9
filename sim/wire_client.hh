#pragma once

// A process that uses the real client library, on a simulated machine of its own. The machine's
// clock does not drift.
//
// Threads: one. Life: construct -> call at any time -> destroy, before the network; open calls are
// dropped then.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/etcd/rpc.pb.h"
#include "client/client.hh"
#include "sim/history.hh"
#include "sim/stream_network.hh"

namespace polis::sim {

// What a client knows about a write that ended with this status. kOk: the write was made. kRefused:
// it certainly was not made, because the request reached no replica (`sent`) or a replica refused
// it. kUnknown: neither is certain.
Outcome outcome_of(const http::GrpcStatus& status, client::Client::Sent sent);

class WireClient {
 public:
  // Adds a host to the network to which `name` leads. `endpoints`: as client::Options.
  WireClient(StreamNetwork& network, const std::string& name, std::vector<io::Address> endpoints)
      : machine_(network.world(), 0),
        host_(network.add_host(machine_, name)),
        client_(machine_, *host_, {.endpoints = std::move(endpoints)}) {}

  client::Client& client() { return client_; }
  // The endpoint `tried` did not answer as it should. If it is still the client's current endpoint,
  // the client goes to another one.
  void leave(const io::Address& tried) {
    if (client_.endpoint() == tried) client_.move_on();
  }
  Machine& machine() { return machine_; }
  StreamHost& host() { return *host_; }

  // Makes a unary call with etcd's messages, such as kPutPath with a PutRequest and a PutResponse.
  // `timeout`: virtual time. `done` is called once, never within this call. `response` is empty
  // unless the outcome is kOk.
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
  // The status with which the last ended call has ended; within `done`, that of its call.
  const http::GrpcStatus& status() const { return status_; }

 private:
  Machine machine_;
  std::unique_ptr<StreamHost> host_;
  client::Client client_;
  http::GrpcStatus status_;
};

// Paths of etcd's methods.
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
