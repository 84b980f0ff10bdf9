#include "storage/wal.hh"

#include <fmt/format.h>

#include "base/check.hh"
#include "storage/wal_format.hh"

namespace polis::storage {

std::string Wal::segment_path(std::uint64_t number) const {
  return fmt::format("{}/{:012}.wal", options_.directory, number);
}

std::uint32_t Wal::version() const { return options_.gaps ? wal::kVersionWithGaps : wal::kVersion; }

Result<std::unique_ptr<Wal>> Wal::open(io::Disk& disk, WalOptions options, Recovered& recovered) {
  auto wal = std::unique_ptr<Wal>(new Wal(disk, std::move(options)));
  if (auto made = disk.make_directory(wal->options_.directory); !made)
    return std::unexpected(made.error());
  if (auto done = wal->recover(recovered); !done) return std::unexpected(done.error());
  return wal;
}

Result<void> Wal::failed(Error error) {
  failure_ = error;
  return std::unexpected(std::move(error));
}

Result<void> Wal::append(const std::optional<HardState>& hard_state,
                         const std::vector<Entry>& entries) {
  if (failure_) return std::unexpected(*failure_);
  // A crash may leave the first records of these and not the rest. So what is committed is said
  // behind the entries: before them, the same indexes may hold entries that they replace.
  if (hard_state) {
    HardState first = *hard_state;
    if (!entries.empty()) first.commit = hard_state_.commit;
    if (auto done = add_hard_state(first); !done) return done;
  }
  std::string payload;
  for (const Entry& entry : entries) {
    payload.clear();
    Writer out(payload);
    encode(out, entry);
    if (options_.gaps) out.varint(entry.proposer.value);
    CHECK(payload.size() <= wal::kPayloadMax);
    if (auto room = roll_if_full(payload.size()); !room) return room;
    add_record(options_.gaps ? wal::kAccepted : wal::kEntry, payload);
    last_index_ = options_.gaps ? std::max(last_index_, entry.index) : entry.index;
    last_term_ = entry.term;
    segments_.back().last = std::max(segments_.back().last, entry.index);
  }
  if (hard_state) {
    if (auto done = add_hard_state(*hard_state); !done) return done;
  }
  return write_pending();
}

Result<void> Wal::add_hard_state(const HardState& hard_state) {
  if (hard_state == hard_state_) return {};
  hard_state_ = hard_state;
  std::string payload;
  Writer out(payload);
  encode(out, hard_state);
  if (auto room = roll_if_full(payload.size()); !room) return room;
  add_record(wal::kHardState, payload);
  return {};
}

Result<void> Wal::reset(LogIndex index, Term term) {
  if (failure_) return std::unexpected(*failure_);
  std::string payload;
  Writer out(payload);
  out.varint(index.value);
  out.varint(term.value);
  if (auto room = roll_if_full(payload.size()); !room) return room;
  add_record(wal::kReset, payload);
  last_index_ = options_.gaps ? std::max(last_index_, index) : index;
  last_term_ = term;
  segments_.back().last = std::max(segments_.back().last, index);
  return write_pending();
}

void Wal::add_record(std::uint8_t type, std::string_view payload) {
  said_ = durable_;
  sealed_ = false;
  wal::append_record(pending_, {type, end_.position + pending_.size(), durable_, payload});
}

Result<void> Wal::write_pending() {
  if (pending_.empty()) return {};
  std::uint64_t at = end_.position - segments_.back().base;
  if (auto done = file_->write(at, pending_); !done) return failed(done.error());
  end_.position += pending_.size();
  pending_.clear();
  if (at > options_.segment_bytes / 2) prepare_next();
  return {};
}

// A new segment begins with everything before it durable, so that a valid one proves its
// predecessors.
Result<void> Wal::roll_if_full(std::size_t payload_bytes) {
  CHECK(2 * wal::kHeaderBytes + payload_bytes + 128 <= options_.segment_bytes);
  std::uint64_t used = end_.position + pending_.size() - segments_.back().base;
  if (used + wal::Record::padded(wal::kHeaderBytes + payload_bytes) <= options_.segment_bytes)
    return {};
  return roll();
}

Result<void> Wal::roll() {
  if (auto done = write_pending(); !done) return done;
  if (auto done = file_->sync(); !done) return failed(done.error());
  // A sync that is under way keeps the old file until it reports.
  if (sync_under_way_) {
    std::shared_ptr<io::File> old =
        std::move(file_);  // shared with the callback below, to outlive the sync
    syncing_.push_back([old](Result<void>) {});
  }
  // The new segment's head says with this where the records of the old one end.
  durable_ = end_.position;
  end_.position = segments_.back().base + options_.segment_bytes;
  return start_segment(segments_.back().number + 1);
}

bool Wal::seal(LogIndex committed, io::Done done) {
  if (failure_ || sync_under_way_ || durable_ != end_.position) return false;
  if (sealed_ && committed <= hard_state_.commit) return false;
  HardState says = hard_state_;
  says.commit = std::max(says.commit, committed);
  std::string payload;
  Writer out(payload);
  encode(out, says);
  const std::uint64_t used = end_.position - segments_.back().base;
  // The next segment will say it.
  if (used + wal::Record::padded(wal::kHeaderBytes + payload.size()) > options_.segment_bytes)
    return false;
  hard_state_ = says;
  add_record(wal::kHardState, payload);
  sealed_ = true;
  if (auto written = write_pending(); !written) {
    done(written);
    return true;
  }
  sync_later(std::move(done));
  return true;
}

std::optional<Wal::Place> Wal::place_of(std::uint64_t position) const {
  for (const Segment& segment : segments_) {
    if (position >= segment.base && position < segment.base + options_.segment_bytes)
      return Place{segment.path, position - segment.base};
  }
  return std::nullopt;
}

void Wal::prepare_next() {
  if (preparing_) return;
  preparing_ = true;
  const std::uint64_t number = segments_.back().number + 1;
  // A failure shows when the segment is needed. A slow disk may be done only after the segment has
  // been made in haste, used and released.
  disk_.create_zeroed_later(segment_path(number), options_.segment_bytes,
                            [this, number, alive = std::weak_ptr(alive_)](Result<void>) {
                              if (alive.expired() || number >= segments_.front().number) return;
                              [[maybe_unused]] auto removed = disk_.remove(segment_path(number));
                            });
}

Result<void> Wal::start_segment(std::uint64_t number) {
  Segment segment{.number = number,
                  .base = end_.position,
                  .last = last_index_,
                  .path = segment_path(number),
                  .version = version()};
  auto file = disk_.open_log(segment.path);
  if (!file) {
    if (auto made = disk_.create_zeroed(segment.path, options_.segment_bytes); !made)
      return failed(made.error());
    file = disk_.open_log(segment.path);
    if (!file) return failed(file.error());
  }
  preparing_ = false;
  file_ = std::move(*file);
  segments_.push_back(std::move(segment));
  std::string payload;
  Writer out(payload);
  out.u32(version());
  out.u64(options_.identity.cell);
  out.u64(options_.identity.replica.value);
  out.u64(number);
  out.u64(options_.segment_bytes);
  encode(out, hard_state_);
  out.varint(last_index_.value);
  out.varint(last_term_.value);
  add_record(wal::kSegmentHead, payload);
  return {};
}

void Wal::sync_later(io::Done done) {
  waiting_.push_back(std::move(done));
  if (!sync_under_way_) start_sync();
}

void Wal::start_sync() {
  syncing_ = std::move(waiting_);
  waiting_.clear();
  if (failure_) return on_synced(durable_, std::unexpected(*failure_));
  sync_under_way_ = true;
  file_->sync_later([this, position = end_.position, said = said_,
                     alive = std::weak_ptr(alive_)](Result<void> result) {
    if (alive.expired()) return;
    if (result) proven_ = std::max(proven_, said);
    on_synced(position, std::move(result));
  });
}

void Wal::on_synced(std::uint64_t position, Result<void> result) {
  sync_under_way_ = false;
  if (result) {
    durable_ = std::max(durable_, position);
  } else {
    failure_ = result.error();
  }
  auto done = std::move(syncing_);
  syncing_.clear();
  for (auto& f : done) f(result);
  if (!sync_under_way_ && !waiting_.empty()) start_sync();
}

Result<void> Wal::release_through(LogIndex index) {
  bool removed = false;
  while (segments_.size() > 1 && segments_.front().last <= index) {
    if (auto done = disk_.remove(segments_.front().path); !done) return done;
    segments_.pop_front();
    removed = true;
  }
  return removed ? disk_.sync_directory(options_.directory) : Result<void>();
}

std::uint64_t Wal::bytes() const { return segments_.size() * options_.segment_bytes; }

}  // namespace polis::storage
