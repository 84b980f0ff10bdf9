#include "replica/member_changes.hh"

#include "base/crc32c.hh"
#include "consensus/membership.hh"

namespace polis::replica {
namespace {

// Changes that wait for the one before them.
constexpr std::size_t kChangesMax = 64;
// A promotion that has to wait (the learner has nearly caught up, or a heartbeat is under way) is
// tried again for this long before it is refused.
constexpr Duration kPromotionPatience = std::chrono::seconds(2);

// An id that no member ever had: the place in the log where it is decided is part of it.
ReplicaId new_id(const storage::Identity& identity, std::string_view peer, LogIndex at, Term term) {
  std::string text(peer);
  Writer out(text);
  out.u64(identity.cell);
  out.u64(at.value);
  out.u64(term.value);
  std::uint64_t id = static_cast<std::uint64_t>(crc32c(text)) << 32 | crc32c(text, 0x6d656d62);
  return ReplicaId(id == 0 ? 1 : id);
}

ChangeRefusal reason_of(const Error& error, MemberChange::Kind kind) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return ChangeRefusal::kNoSuchMember;
    case ErrorCode::kExists:
      return kind == MemberChange::Kind::kPromote ? ChangeRefusal::kNoLearner
                                                  : ChangeRefusal::kAddressTaken;
    case ErrorCode::kBehind:
      return ChangeRefusal::kNotCaughtUp;
    case ErrorCode::kNoQuorum:
      return ChangeRefusal::kNoQuorum;
    default:
      return ChangeRefusal::kOther;
  }
}

void refuse(const Answered& done, const Error& error, MemberChange::Kind kind) {
  const ChangeOutcome outcome{
      .status = {error.code == ErrorCode::kNotFound ? store::Code::kNotFound
                                                    : store::Code::kFailedPrecondition,
                 "polis: " + error.text},
      .refusal = reason_of(error, kind)};
  done(outcome.status, encode_rest(outcome));
}

consensus::Member updated(const Configuration& from, const MemberChange& change) {
  const consensus::Member* known = from.find(change.id);
  consensus::Member member = known != nullptr ? *known : consensus::Member();
  member.id = change.id;
  if (!change.name.empty()) member.name = change.name;
  if (!change.peer.empty()) member.peer = change.peer;
  if (!change.client.empty()) member.client = change.client;
  return member;
}

}  // namespace

MemberChanges::MemberChanges(const Options& options, Needs needs)
    : options_(options), needs_(needs) {}

void MemberChanges::add(std::string_view body, Answered done) {
  auto change = decode_member_change(body);
  if (!change) {
    const Error unreadable{ErrorCode::kInvalid, "the request cannot be read"};
    return refuse(done, unreadable, MemberChange::Kind::kNone);
  }
  if (pending_.size() >= kChangesMax) return done(store::status::too_many_requests(), {});
  pending_.push_back(
      {std::move(*change), std::move(done), needs_.loop.now() + options_.request_timeout, {}, {}});
}

void MemberChanges::maybe_begin() {
  while (!pending_.empty() && !pending_.front().begun && needs_.situation.is_master() &&
         !needs_.situation.stands_still()) {
    const consensus::Status status = needs_.log.status();
    // Another one is under way, perhaps of the log's own making: a learner's promotion.
    if (!status.configuration_settled) return;
    Pending& front = pending_.front();
    Result<Configuration> target = target_of(status, front);
    Result<LogIndex> begun = target ? needs_.log.change(std::move(*target), needs_.loop.now())
                                    : std::unexpected(target.error());
    if (begun) {
      front.begun = *begun;
      return;
    }
    if (worth_patience(front, begun.error())) return;
    const Pending refused = std::move(front);
    pending_.pop_front();
    refuse(refused.done, begun.error(), refused.change.kind);
  }
}

// What the change leads to from the log's newest configuration. Names the member that it is about.
Result<Configuration> MemberChanges::target_of(const consensus::Status& status,
                                               Pending& pending) const {
  const MemberChange& change = pending.change;
  const Configuration& from = status.configuration;
  pending.member = change.id;
  switch (change.kind) {
    case MemberChange::Kind::kNone:
      break;
    case MemberChange::Kind::kAdd:
      pending.member = new_id(options_.identity, change.peer, status.last.next(), status.role.term);
      return with_learner(from, {.id = pending.member,
                                 .name = change.name,
                                 .peer = change.peer,
                                 .client = change.client,
                                 .promote = change.promote,
                                 .replaces = change.replaces,
                                 .place = change.place});
    case MemberChange::Kind::kPromote:
      return with_promoted(from, change.id);
    case MemberChange::Kind::kRemove:
      return without(from, change.id);
    case MemberChange::Kind::kUpdate:
      return with_known(from, updated(from, change));
  }
  return fail(ErrorCode::kInvalid, "no such change");
}

bool MemberChanges::worth_patience(const Pending& pending, const Error& refused) const {
  const Instant asked = pending.deadline - options_.request_timeout;
  const bool may_pass = refused.code == ErrorCode::kUnavailable ||
                        refused.code == ErrorCode::kBehind || refused.code == ErrorCode::kNoQuorum;
  return may_pass && pending.change.kind == MemberChange::Kind::kPromote &&
         needs_.loop.now() - asked < kPromotionPatience;
}

void MemberChanges::on_configuration_applied(const SnapshotMark& applied) {
  if (pending_.empty() || !pending_.front().begun) return;
  if (applied.index < *pending_.front().begun || applied.configuration.joint()) return;
  Pending ended = std::move(pending_.front());
  pending_.pop_front();
  ended.done({}, encode_rest({.member = ended.member}));
}

void MemberChanges::give_up() {
  auto changes = std::exchange(pending_, {});
  for (Pending& change : changes) change.done(store::status::leader_changed(), {});
}

void MemberChanges::expire() {
  const Instant now = needs_.loop.now();
  std::vector<Answered> late;
  std::erase_if(pending_, [&](Pending& change) {
    if (now < change.deadline) return false;
    late.push_back(std::move(change.done));
    return true;
  });
  for (Answered& done : late) done(store::status::timed_out(), {});
}

}  // namespace polis::replica
