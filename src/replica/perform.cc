#include "replica/perform.hh"

namespace polis::replica {

void perform(consensus::Output output, OutputSteps& steps) {
  if (output.role) steps.on_role(*output.role);
  if (output.configuration) steps.on_configuration(*output.configuration);
  if (output.ticket && !steps.write(output)) return;
  for (consensus::Outgoing& message : output.messages) steps.send(message);
  if (!output.messages_after_persist.empty())
    steps.send_when_durable(std::move(output.messages_after_persist));
  if (output.ticket) steps.sync(*output.ticket);
  if (!output.committed.empty()) steps.apply(output.committed);
  steps.serve_reads(output.reads, output.reads_refused);
  if (output.snapshot_damaged) steps.on_snapshot_damaged();
  if (output.snapshot_wanted) steps.on_snapshot_wanted();
  for (consensus::ChunkArrived& chunk : output.chunks) steps.on_chunk(std::move(chunk));
}

}  // namespace polis::replica
