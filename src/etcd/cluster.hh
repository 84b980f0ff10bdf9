#pragma once

// etcdserverpb.Cluster: the list of members, and changes of members. It differs from etcd in one
// thing: a member that is added as a voter is a learner until it has caught up.
//
// Threads: the loop's. Life: the constructor adds the methods to the server; outlives the server's
// calls.

#include <google/protobuf/repeated_ptr_field.h>

#include <functional>
#include <optional>

#include "etcd/common.hh"
#include "io/address.hh"

namespace polis::etcd {

class ClusterService {
 public:
  // Why a member, or a new one without an id, may not get this peer address; an empty text: it may.
  using WrongPeer = std::function<std::string(consensus::ReplicaId whose, const io::Address& peer)>;
  // Without `wrong_peer` every address may be.
  ClusterService(Context context, http::Server& server, WrongPeer wrong_peer);

 private:
  void on_list(const http::CallPtr& call, std::string_view request);
  void on_add(const http::CallPtr& call, std::string_view request);
  void on_remove(const http::CallPtr& call, std::string_view request);
  void on_update(const http::CallPtr& call, std::string_view request);
  void on_promote(const http::CallPtr& call, std::string_view request);

  // HOST:PORT of the only URL. Nothing: the call has been refused.
  std::optional<std::string> peer_for(consensus::ReplicaId whose,
                                      const google::protobuf::RepeatedPtrField<std::string>& urls,
                                      const http::CallPtr& call) const;

  Context context_;
  WrongPeer wrong_peer_;
};

}  // namespace polis::etcd
