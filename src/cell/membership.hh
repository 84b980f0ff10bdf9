#pragma once

// Keeps the links to the peers in step with the configuration, and tells the cell this replica's
// name and client address if the configuration has others.
//
// Threads: the loop's.
// Life: construct -> attach the replica -> on_configuration and on_role at each change. The
// references must outlive it.

#include "cell/settings.hh"
#include "io/loop.hh"
#include "peers/links.hh"
#include "replica/replica.hh"

namespace polis::cell {

class Membership {
  using Configuration = consensus::Configuration;

 public:
  Membership(io::Loop& loop, peers::PeerLinks& links, const Settings& settings)
      : loop_(loop), links_(links), settings_(settings) {}

  // For a replica that joins: connect to the members of `met` while its own log has no
  // configuration.
  void set_met(Configuration met) { met_ = std::move(met); }
  void attach(replica::Replica& replica) { replica_ = &replica; }
  void on_configuration(const Configuration& configuration);
  // The role or the master has changed: if a master is known, it can be told now.
  void on_role() { maybe_publish(); }

  // The configuration of this replica's log.
  const Configuration& configuration() const { return configuration_; }

 private:
  void maybe_publish();

  io::Loop& loop_;
  peers::PeerLinks& links_;
  const Settings& settings_;
  replica::Replica* replica_ = nullptr;
  Configuration met_, configuration_;
  bool publishing_ = false;
  std::unique_ptr<io::Timer> publish_timer_;
};

}  // namespace polis::cell
