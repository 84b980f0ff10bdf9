#include "consensus/types.hh"

#include <algorithm>

namespace polis::consensus {
namespace {

void encode_ids(Writer& out, const std::vector<ReplicaId>& ids) {
  out.varint(ids.size());
  for (ReplicaId id : ids) out.varint(id.value);
}

bool decode_ids(Reader& in, std::vector<ReplicaId>& ids) {
  std::uint64_t count = in.varint();
  if (count > kMembersMax) return false;
  ids.clear();
  for (std::uint64_t i = 0; i < count; ++i) ids.emplace_back(in.varint());
  return in.ok();
}

bool contains(const std::vector<ReplicaId>& ids, ReplicaId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

bool Configuration::is_voter(ReplicaId id) const {
  return contains(voters, id) || contains(voters_outgoing, id);
}

std::vector<ReplicaId> Configuration::members() const {
  std::vector<ReplicaId> all = voters;
  all.insert(all.end(), voters_outgoing.begin(), voters_outgoing.end());
  all.insert(all.end(), learners.begin(), learners.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void encode(Writer& out, const HardState& state) {
  out.varint(state.term.value);
  out.varint(state.vote.value);
  out.varint(state.commit.value);
  out.varint(static_cast<std::uint64_t>(state.promise_longest.count()));
}

bool decode(Reader& in, HardState& state) {
  state.term = Term(in.varint());
  state.vote = ReplicaId(in.varint());
  state.commit = LogIndex(in.varint());
  state.promise_longest = Duration(static_cast<std::int64_t>(in.varint()));
  return in.ok();
}

void encode(Writer& out, const Entry& entry) {
  out.varint(entry.term.value);
  out.varint(entry.index.value);
  out.u8(static_cast<std::uint8_t>(entry.kind));
  out.string(entry.data ? std::string_view(*entry.data) : std::string_view());
}

bool decode(Reader& in, Entry& entry) {
  entry.term = Term(in.varint());
  entry.index = LogIndex(in.varint());
  std::uint8_t kind = in.u8();
  std::string_view data = in.string();
  if (!in.ok() || kind > static_cast<std::uint8_t>(EntryKind::kConfiguration)) return false;
  entry.kind = static_cast<EntryKind>(kind);
  entry.data = entry.kind == EntryKind::kNoop ? nullptr : share(std::string(data));
  return true;
}

void encode(Writer& out, const Configuration& configuration) {
  encode_ids(out, configuration.voters);
  encode_ids(out, configuration.voters_outgoing);
  encode_ids(out, configuration.learners);
}

bool decode(Reader& in, Configuration& configuration) {
  return decode_ids(in, configuration.voters) && decode_ids(in, configuration.voters_outgoing) &&
         decode_ids(in, configuration.learners);
}

void encode(Writer& out, const SnapshotMark& mark) {
  out.varint(mark.index.value);
  out.varint(mark.term.value);
  encode(out, mark.configuration);
}

bool decode(Reader& in, SnapshotMark& mark) {
  mark.index = LogIndex(in.varint());
  mark.term = Term(in.varint());
  return decode(in, mark.configuration) && in.ok();
}

}  // namespace polis::consensus
