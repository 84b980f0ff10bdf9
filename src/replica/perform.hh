#pragma once

// Performs an Output in the order that the contract demands (consensus/replicated_log.hh).
// perform() is the only function that knows this order. OutputSteps says what each step does;
// Replica implements it.
//
// Threads: the loop's.

#include <vector>

#include "consensus/replicated_log.hh"

namespace polis::replica {

// The steps, in the order in which perform() calls them. A step whose part of the output is empty
// is left out, except serve_reads.
class OutputSteps {
 public:
  virtual ~OutputSteps() = default;
  virtual void on_role(const consensus::RoleState& role) = 0;
  virtual void on_configuration(const consensus::Configuration& configuration) = 0;
  // Writes hard state and entries to the write-ahead log; they are not durable yet. False: the log
  // cannot take them, and perform() does nothing further of this output.
  virtual bool write(const consensus::Output& output) = 0;
  // Gives the message to the transport; may take its bytes.
  virtual void send(consensus::Outgoing& message) = 0;
  // Sends the messages when everything that was written so far is durable; at once if it is.
  virtual void send_when_durable(std::vector<consensus::Outgoing> messages) = 0;
  // Begins to make durable what was written. The messages that were sent before must leave before
  // the disk begins, so that the peers' disks work at the same time.
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
