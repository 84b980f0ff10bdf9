#pragma once

// Performs what consensus decided, in the order of the contract (consensus/replicated_log.hh). The
// order stands here and nowhere else; what each step does is the replica's business.

#include <vector>

#include "consensus/replicated_log.hh"

namespace polis::replica {

class OutputSteps {
 public:
  virtual ~OutputSteps() = default;
  virtual void on_role(const consensus::RoleState& role) = 0;
  virtual void on_configuration(const consensus::Configuration& configuration) = 0;
  // Hands what is to be persisted to the write-ahead log; it is not durable yet. False: the log
  // cannot take it, and nothing further of this output may be done.
  virtual bool write(const consensus::Output& output) = 0;
  virtual void send(consensus::Outgoing& message) = 0;
  // Sends them when everything that was written so far is durable: now, if it is.
  virtual void send_when_durable(std::vector<consensus::Outgoing> messages) = 0;
  // Makes durable what was written. Peers write theirs meanwhile: what was sent has left before.
  virtual void sync(consensus::Ticket ticket) = 0;
  virtual void apply(const std::vector<consensus::Entry>& committed) = 0;
  virtual void serve_reads(const std::vector<consensus::ReadReady>& ready,
                           const std::vector<consensus::ReadId>& refused) = 0;
  virtual void on_snapshot_damaged() = 0;
  virtual void on_snapshot_wanted() = 0;
  virtual void on_chunk(consensus::ChunkArrived chunk) = 0;
};

void perform(consensus::Output output, OutputSteps& steps);

}  // namespace polis::replica
