#pragma once

// polis.v1.Cell (api/polis/cell.proto): the calls that etcd's API does not have, except Backup
// (backup.hh).
//
// Threads: the loop's. Life: the constructor adds the methods to the server. It, and all
// references, must outlive the server's calls.

#include "cell/secure_networks.hh"
#include "cell/settings.hh"
#include "etcd/common.hh"
#include "io/loop.hh"
#include "storage/engine.hh"

namespace polis::cell {

class PolisCell {
 public:
  PolisCell(etcd::Context context, http::Server& server, const io::Loop& reactor,
            const Settings& settings, const storage::Engine& engine, const peers::PeerLinks& links,
            const SecureNetworks& networks, const std::vector<std::string>& warnings);

 private:
  void on_status(const http::CallPtr& call);
  void on_members(const http::CallPtr& call);
  void on_change(const http::CallPtr& call, std::string_view request);
  void answer_with_members(const http::CallPtr& call, std::uint64_t id);

  etcd::Context context_;
  const io::Loop& reactor_;
  const Settings& settings_;
  const storage::Engine& engine_;
  const peers::PeerLinks& links_;
  const SecureNetworks& networks_;
  const std::vector<std::string>& warnings_;  // for the operator
  const Instant started_;
};

}  // namespace polis::cell
