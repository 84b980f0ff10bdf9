#include "replica/log_writer.hh"

namespace polis::replica {
namespace {

// Without a write to the log.
constexpr Duration kAtRestAfter = std::chrono::milliseconds(250);

}  // namespace

LogWriter::LogWriter(std::unique_ptr<storage::Wal> wal, Needs needs)
    : wal_(std::move(wal)), needs_(std::move(needs)) {}

bool LogWriter::write(const consensus::Output& output) {
  if (auto done = wal_->append(output.hard_state, output.entries); !done) {
    needs_.fatal(done.error());
    return false;
  }
  written_last_ = needs_.loop.now();
  held_.push_back({*output.ticket, written_last_, {}});
  return true;
}

void LogWriter::send_when_durable(std::vector<consensus::Outgoing> messages) {
  if (held_.empty()) {
    for (consensus::Outgoing& message : messages) needs_.send(message);
    return;
  }
  std::move(messages.begin(), messages.end(), std::back_inserter(held_.back().messages));
}

void LogWriter::sync(Ticket ticket) {
  needs_.transport.flush();
  ++needs_.counters.syncs;
  wal_->sync_later([this, ticket, alive = std::weak_ptr(alive_)](const Result<void>& result) {
    if (!alive.expired()) on_synced(ticket, result);
  });
}

void LogWriter::on_synced(Ticket ticket, const Result<void>& result) {
  if (needs_.situation.ended) return;
  if (!result) return needs_.fatal(result.error());
  const Instant now = needs_.loop.now();
  while (!held_.empty() && held_.front().ticket <= ticket) {
    Held held = std::move(held_.front());
    held_.pop_front();
    sync_times_.add(now - held.since, now);
    for (consensus::Outgoing& message : held.messages) needs_.send(message);
  }
  if (needs_.situation.installing) {
    persisted_meanwhile_ = ticket;
  } else {
    needs_.log.on_persisted(ticket, now);
  }
}

void LogWriter::tell_what_was_persisted() {
  if (persisted_meanwhile_)
    needs_.log.on_persisted(*std::exchange(persisted_meanwhile_, {}), needs_.loop.now());
}

bool LogWriter::at_rest() const { return needs_.loop.now() - written_last_ >= kAtRestAfter; }

void LogWriter::maybe_seal(LogIndex applied) {
  if (!at_rest()) return;
  wal_->seal(applied, [this, alive = std::weak_ptr(alive_)](const Result<void>& result) {
    if (!alive.expired() && !result) needs_.fatal(result.error());
  });
}

std::optional<Instant> LogWriter::sync_waits_since() const {
  if (held_.empty()) return std::nullopt;
  return held_.front().since;
}

}  // namespace polis::replica
