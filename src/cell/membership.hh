#pragma once

// Keeps the links to the peers in step with who takes part, and tells the cell where this replica
// is to be found.
//
// Threads: the reactor's. Life: construct -> attach the replica -> on_configuration and on_role as
// they come.

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

  // A replica that joins connects to these until its own log says who takes part.
  void set_met(Configuration met) { met_ = std::move(met); }
  void attach(replica::Replica& replica) { replica_ = &replica; }
  void on_configuration(const Configuration& configuration);
  // A master is known; what could not be told may go through now.
  void on_role() { maybe_publish(); }

  // As the log of this replica has it.
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
