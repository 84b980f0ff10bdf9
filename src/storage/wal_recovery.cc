// Reading a write-ahead log back: which records count, what is a torn end, what is corruption.

#include <fmt/format.h>

#include <cstring>

#include "base/check.hh"
#include "storage/wal.hh"
#include "storage/wal_format.hh"

namespace polis::storage {

// What a segment begins with.
struct wal::Head {
  std::uint32_t version = 0;
  Identity identity;
  std::uint64_t number = 0;
  std::uint64_t segment_bytes = 0;
  HardState hard_state;
  LogIndex index;
  Term term;
};

namespace {

// Of a segment: its head lies there.
constexpr std::size_t kStartBytes = 4096;
constexpr const char* kRemedy = "This replica must not guess what it promised.";

// A hard state as records of this version hold it.
HardState read_hard_state(Reader& in, std::uint32_t version) {
  HardState state;
  if (version >= 2) {
    decode(in, state);
  } else {
    state = {Term(in.varint()), consensus::ReplicaId(in.varint()), LogIndex(in.varint())};
  }
  return state;
}

std::optional<wal::Head> parse_head(std::string_view payload) {
  Reader in(payload);
  wal::Head head;
  head.version = in.u32();
  head.identity.cell = in.u64();
  head.identity.replica = consensus::ReplicaId(in.u64());
  head.number = in.u64();
  head.segment_bytes = in.u64();
  if (head.version > wal::kVersionNewest) return in.ok() ? std::optional(head) : std::nullopt;
  head.hard_state = read_hard_state(in, head.version);
  head.index = LogIndex(in.varint());
  head.term = Term(in.varint());
  return in.done() ? std::optional(head) : std::nullopt;
}

// The first record's position is not known from elsewhere: it names itself, and its checksum
// vouches for it.
std::optional<wal::Record> parse_first(std::string_view bytes) {
  if (bytes.size() < wal::kHeaderBytes) return std::nullopt;
  Reader in(bytes.substr(8));
  return wal::parse_record(bytes, in.u64());
}

bool all_zero(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Behind the last byte that is not zero. Most of a segment is not written yet.
std::size_t end_of_data(std::string_view bytes) {
  constexpr std::size_t kBlock = 4096;
  while (bytes.size() >= kBlock && all_zero(bytes.substr(bytes.size() - kBlock)))
    bytes.remove_suffix(kBlock);
  return bytes.find_last_not_of('\0') + 1;
}

// Whether any intact record from behind `at` to `end` proves that everything through `at` was
// durable once.
bool proven_durable(std::string_view bytes, std::size_t at, std::size_t end, std::uint64_t base) {
  for (std::size_t i = at + wal::kAlign; i < end; i += wal::kAlign) {
    auto record = wal::parse_record(bytes.substr(i), base + i);
    if (record && record->durable > base + at) return true;
  }
  return false;
}

void forget_from(Recovered& recovered, LogIndex index) {
  while (!recovered.entries.empty() && recovered.entries.back().index >= index)
    recovered.entries.pop_back();
}

bool replay_reset(Reader& in, Recovered& recovered) {
  const LogIndex index(in.varint());
  const Term term(in.varint());
  if (!in.done()) return false;
  recovered.base_index = index;
  recovered.base_term = term;
  recovered.entries.clear();
  recovered.accepted.erase(recovered.accepted.begin(), recovered.accepted.upper_bound(index));
  return true;
}

bool replay_entry(Entry entry, Recovered& recovered) {
  if (entry.index <= recovered.base_index) {
    // This entry replaced one of a segment that has been released since. A segment is released only
    // when the state machine holds all indexes in it durably. So it holds this entry, too, and the
    // log can begin behind it.
    recovered.base_index = entry.index;
    recovered.base_term = entry.term;
    recovered.entries.clear();
    return true;
  }
  if (entry.index > recovered.base_index + recovered.entries.size() + 1) return false;
  forget_from(recovered, entry.index);
  recovered.entries.push_back(std::move(entry));
  return true;
}

// False: the record contradicts the ones before it. `last`: raised to what it speaks of.
bool replay(const wal::Record& record, std::uint32_t version, Recovered& recovered,
            LogIndex& last) {
  Reader in(record.payload);
  if (record.type == wal::kHardState) {
    recovered.hard_state = read_hard_state(in, version);
    return in.done();
  }
  if (record.type == wal::kReset) {
    const bool done = replay_reset(in, recovered);
    last = std::max(last, recovered.base_index);
    return done;
  }
  const bool gaps = version == wal::kVersionWithGaps;
  Entry entry;
  if (record.type != (gaps ? wal::kAccepted : wal::kEntry) || !decode(in, entry)) return false;
  if (gaps) entry.proposer = consensus::ReplicaId(in.varint());
  if (!in.done()) return false;
  last = std::max(last, entry.index);
  if (!gaps) return replay_entry(std::move(entry), recovered);
  recovered.accepted[entry.index] = std::move(entry);
  return true;
}

}  // namespace

// A segment of zeros: it was prepared and never used.
Result<bool> Wal::never_begun(std::uint64_t number) {
  auto file = disk_.open(segment_path(number));
  if (!file) return std::unexpected(file.error());
  auto start = (*file)->read(0, kStartBytes);
  if (!start) return std::unexpected(start.error());
  return all_zero(*start);
}

Result<void> Wal::find_segments() {
  auto names = disk_.list(options_.directory);
  if (!names) return std::unexpected(names.error());
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names) {
    if (name.ends_with(".tmp")) {
      if (auto done = disk_.remove(options_.directory + "/" + name); !done) return done;
    } else if (name.ends_with(".wal")) {
      numbers.push_back(std::strtoull(name.c_str(), nullptr, 10));
    }
  }
  // A segment is prepared before it is needed (prepare_next). One that was prepared too late has a
  // lower number than segments that were used and released meanwhile; it is empty and is removed.
  // This cannot hide the loss of a segment that is needed: then the log would begin behind the last
  // entry that the state machine has, and recovery refuses that.
  while (numbers.size() > 1) {
    auto zero = never_begun(numbers[0]);
    if (!zero) return std::unexpected(zero.error());
    if (!*zero) break;
    if (auto done = disk_.remove(segment_path(numbers[0])); !done) return done;
    numbers.erase(numbers.begin());
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && numbers[i] != numbers[i - 1] + 1) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("{} is missing, though {} is there. {}",
                              segment_path(numbers[i - 1] + 1), segment_path(numbers[i]), kRemedy));
    }
    segments_.push_back({.number = numbers[i], .path = segment_path(numbers[i])});
  }
  // The newest segments may be prepared ones that were never begun.
  while (segments_.size() > 1) {
    auto zero = never_begun(segments_.back().number);
    if (!zero) return std::unexpected(zero.error());
    if (!*zero) break;
    if (auto done = disk_.remove(segments_.back().path); !done) return done;
    segments_.pop_back();
  }
  return {};
}

Result<void> Wal::recover(Recovered& recovered) {
  if (auto found = find_segments(); !found) return found;
  if (segments_.empty() && options_.reached > 0) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} holds no log, though this replica has written one: the state says "
                            "that it was durable through byte {}. {}",
                            options_.directory, options_.reached, kRemedy));
  }
  const Segment* before = nullptr;
  for (Segment& segment : segments_) {
    const bool newest = &segment == &segments_.back();
    if (auto done = scan_segment(segment, before, newest, recovered); !done) return done;
    before = &segment;
  }
  hard_state_ = recovered.hard_state;
  last_index_ = recovered.base_index + recovered.entries.size();
  if (!recovered.accepted.empty())
    last_index_ = std::max(last_index_, recovered.accepted.rbegin()->first);
  last_term_ = recovered.entries.empty() ? recovered.base_term : recovered.entries.back().term;
  start_position_ = end_.position;
  durable_ = end_.position;
  if (auto done = go_on_writing(); !done) return done;
  // Records that a process wrote and did not sync before it ended may lie in the system's memory
  // alone. They are about to be counted as durable.
  if (auto done = file_->sync(); !done) return failed(done.error());
  durable_ = end_.position;
  return {};
}

// Makes the log ready to be written behind what was recovered, in a new segment if need be.
Result<void> Wal::go_on_writing() {
  if (segments_.empty()) {
    if (auto done = start_segment(1); !done) return done;
    return write_pending();
  }
  auto file = disk_.open_log(segments_.back().path);
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  if (end_.position == segments_.back().base) {  // its head was torn or never written
    std::uint64_t number = segments_.back().number;
    segments_.pop_back();
    if (auto done = start_segment(number); !done) return done;
    return write_pending();
  }
  if (segments_.back().version == version()) return {};
  if (auto done = roll(); !done) return done;
  return write_pending();
}

// Checks the head of a segment and takes over what it says. kInvalid, kCorrupt: another head was
// expected there.
Result<void> Wal::take_head(const wal::Head& head, const wal::Record& record, const Segment* before,
                            Segment& segment, Recovered& recovered) {
  if (head.version > wal::kVersionNewest) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} was written by a newer polis (format {}, this one reads up to {}); "
                            "start the newer binary",
                            segment.path, head.version, wal::kVersionNewest));
  }
  if (head.identity != options_.identity) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} belongs to cell {:x} replica {:x}, this is cell {:x} replica {:x}; "
                            "check --data-dir and --name. If the log of this replica is lost, "
                            "rebuild it from the others: polis cell repair",
                            segment.path, head.identity.cell, head.identity.replica.value,
                            options_.identity.cell, options_.identity.replica.value));
  }
  if ((head.version == wal::kVersionWithGaps) != options_.gaps) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} was written with protocol {}; a cell keeps the protocol that it "
                            "was founded with: start it with --protocol {}",
                            segment.path, options_.gaps ? "raft" : "paxos",
                            options_.gaps ? "raft" : "paxos"));
  }
  if (before != nullptr && record.position != end_.position) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} begins at byte {} of the log, though {} before it ends at byte {}: "
                            "one of the two is from another time. {}",
                            segment.path, record.position, before->path, end_.position, kRemedy));
  }
  // Heads of older releases have their own position in `durable`, which says nothing about the
  // records before.
  if (before != nullptr && record.durable < record.position && record.durable > before->end) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{}: the records end at byte {}, though {} says that they went on "
                            "through byte {}. {}",
                            before->path, before->end - before->base, segment.path,
                            record.durable - before->base, kRemedy));
  }
  segment.base = record.position;
  segment.version = head.version;
  segment.last = head.index;
  options_.segment_bytes = head.segment_bytes;
  if (before == nullptr) {
    recovered.base_index = head.index;
    recovered.base_term = head.term;
  }
  recovered.hard_state = head.hard_state;
  return {};
}

Result<void> Wal::scan_segment(Segment& segment, const Segment* before, bool newest,
                               Recovered& recovered) {
  auto file = disk_.open(segment.path);
  if (!file) return std::unexpected(file.error());
  auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  auto content = (*file)->read(0, *size);
  if (!content) return std::unexpected(content.error());
  std::string_view bytes = *content;

  std::size_t at = 0;
  std::uint64_t records = 0;
  segment.base = end_.position;
  auto record = parse_first(bytes);
  if (record) {
    auto head = record->type == wal::kSegmentHead ? parse_head(record->payload) : std::nullopt;
    if (!head || head->number != segment.number) {
      record.reset();
    } else if (auto taken = take_head(*head, *record, before, segment, recovered); !taken) {
      return taken;
    }
  }
  while (record) {
    if (record->type != wal::kSegmentHead &&
        !replay(*record, segment.version, recovered, segment.last)) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("{}: record {} at byte {} contradicts the ones before it. {}",
                              segment.path, records, at, kRemedy));
    }
    at += record->stored_bytes();
    ++records;
    record =
        at < bytes.size() ? wal::parse_record(bytes.substr(at), segment.base + at) : std::nullopt;
  }
  segment.end = segment.base + at;
  const std::size_t end = end_of_data(bytes);
  const bool torn = end > at;
  // A segment that another one follows was durable to its end before that one began.
  const bool acknowledged = torn && (!newest || proven_durable(bytes, at, end, segment.base));
  if (acknowledged) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{}: record {} at byte {} fails its checksum, and later records prove "
                            "that it was durable: this is corruption, not a torn "
                            "write. {}",
                            segment.path, records, at, kRemedy));
  }
  if (newest && segment.end < options_.reached) {
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("{} ends at byte {} of the log ({} records), though the state says that "
                    "the log was durable through byte {}: its end is missing. {}",
                    segment.path, segment.end, records, options_.reached, kRemedy));
  }
  if (torn) {
    // What is left of a torn write must not come to life behind records that are written later.
    recovered.torn_bytes = end - at;
    if (auto done = (*file)->write(at, std::string(end - at, '\0')); !done) return done;
    if (auto done = (*file)->sync(); !done) return done;
  }
  end_.position = newest ? segment.base + at : segment.base + options_.segment_bytes;
  return {};
}

}  // namespace polis::storage
