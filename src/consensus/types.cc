#include "consensus/types.hh"

#include <fmt/format.h>

#include <algorithm>

namespace polis::consensus {
namespace {

// The first number of an encoded configuration. The first format had only ids, and began with their
// count, which is smaller than these. 240: members follow. Stored: DO NOT CHANGE.
constexpr std::uint64_t kWithMembers = 240;
// Members and their places follow, and the quorum rule. Written only if a place is known or the
// rule is not "majority".
constexpr std::uint64_t kWithQuorum = 241;
static_assert(kWithMembers > kMembersMax);

void encode_ids(Writer& out, const std::vector<ReplicaId>& ids) {
  out.varint(ids.size());
  for (ReplicaId id : ids) out.varint(id.value);
}

bool decode_ids(Reader& in, std::uint64_t count, std::vector<ReplicaId>& ids) {
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

bool Configuration::is_learner(ReplicaId id) const { return contains(learners, id); }

const Member* Configuration::find(ReplicaId id) const {
  auto found = std::find_if(members.begin(), members.end(),
                            [id](const Member& member) { return member.id == id; });
  return found == members.end() ? nullptr : &*found;
}

std::string Configuration::name_of(ReplicaId id) const {
  const Member* member = find(id);
  return member != nullptr && !member->name.empty() ? member->name : fmt::format("{:x}", id.value);
}

bool Configuration::names_places() const {
  return std::any_of(members.begin(), members.end(),
                     [](const Member& member) { return !member.place.empty(); });
}

void Configuration::put(Member member) {
  forget(member.id);
  auto at = std::lower_bound(members.begin(), members.end(), member.id,
                             [](const Member& m, ReplicaId id) { return m.id < id; });
  members.insert(at, std::move(member));
}

void Configuration::forget(ReplicaId id) {
  std::erase_if(members, [id](const Member& member) { return member.id == id; });
}

std::vector<ReplicaId> Configuration::everyone() const {
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

bool makes_sense(const Entry& entry) {
  if (entry.kind != EntryKind::kConfiguration) return true;
  Reader in(*entry.data);
  Configuration configuration;
  return decode(in, configuration) && in.done();
}

void encode(Writer& out, const Configuration& configuration) {
  const bool with_quorum = configuration.quorum != QuorumRule() || configuration.names_places();
  out.varint(with_quorum ? kWithQuorum : kWithMembers);
  if (with_quorum) {
    out.u8(static_cast<std::uint8_t>(configuration.quorum.kind));
    out.varint(configuration.quorum.elect);
    out.varint(configuration.quorum.commit);
  }
  encode_ids(out, configuration.voters);
  encode_ids(out, configuration.voters_outgoing);
  encode_ids(out, configuration.learners);
  out.varint(configuration.members.size());
  for (const Member& member : configuration.members) {
    out.varint(member.id.value);
    out.string(member.name);
    out.string(member.peer);
    out.string(member.client);
    out.u8(member.promote ? 1 : 0);
    out.varint(member.replaces.value);
    if (with_quorum) out.string(member.place);
  }
}

bool decode(Reader& in, Configuration& configuration) {
  configuration = {};
  std::uint64_t first = in.varint();
  const bool with_quorum = first == kWithQuorum;
  if (with_quorum) {
    const std::uint8_t kind = in.u8();
    if (kind > static_cast<std::uint8_t>(QuorumKind::kPlaces)) return false;
    configuration.quorum = {static_cast<QuorumKind>(kind), in.varint(), in.varint()};
  }
  const bool with_members = with_quorum || first == kWithMembers;
  if (with_members) first = in.varint();
  if (!decode_ids(in, first, configuration.voters) ||
      !decode_ids(in, in.varint(), configuration.voters_outgoing) ||
      !decode_ids(in, in.varint(), configuration.learners)) {
    return false;
  }
  std::uint64_t count = with_members ? in.varint() : 0;
  if (count > kMembersMax) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    Member member;
    member.id = ReplicaId(in.varint());
    member.name = in.string();
    member.peer = in.string();
    member.client = in.string();
    member.promote = in.u8() != 0;
    member.replaces = ReplicaId(in.varint());
    if (with_quorum) member.place = in.string();
    configuration.put(std::move(member));
  }
  return in.ok();
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
