#include "replica/engine_saver.hh"

namespace polis::replica {
namespace {

constexpr Duration kRetryInterval = std::chrono::seconds(1);

}  // namespace

EngineSaver::EngineSaver(const Options& options, Needs needs)
    : options_(options), needs_(std::move(needs)) {}

void EngineSaver::save_if_due() {
  if (needs_.loop.now() - saved_ >= options_.engine_interval) save();
}

void EngineSaver::save_if_much() {
  if (needs_.store.unsaved_bytes() >= options_.engine_bytes) save();
}

void EngineSaver::save() {
  const Instant now = needs_.loop.now();
  if (needs_.engine.commit_under_way() || needs_.situation.installing || now < retry_) return;
  saved_ = now;
  // With what is saved anyway, and once when the log has come to rest.
  if (needs_.store.unsaved() || needs_.log_at_rest()) needs_.note_saved_by(needs_.store);
  auto batch = needs_.store.take_batch();
  if (!batch) return;
  needs_.engine.commit_later(std::move(*batch),
                             [this, alive = std::weak_ptr(alive_)](const Result<void>& result) {
                               if (!alive.expired()) on_committed(result);
                             });
}

void EngineSaver::on_committed(const Result<void>& result) {
  if (result) {
    needs_.store.on_batch_committed();
  } else {
    needs_.store.on_batch_failed();
  }
  needs_.ended(result);
  if (result) return;
  // Waiting for space costs nothing but memory.
  if (result.error().code != ErrorCode::kNoSpace) return needs_.fatal(result.error());
  retry_ = needs_.loop.now() + kRetryInterval;
}

}  // namespace polis::replica
