// Changes of who takes part: asked for at any replica, made by the master, one after the other.

#include "api/polis/cell.pb.h"
#include "base/check.hh"
#include "base/crc32c.hh"
#include "consensus/membership.hh"
#include "replica/replica.hh"
#include "store/parse.hh"

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

Status refusal(const Error& error) {
  return {error.code == ErrorCode::kNotFound ? store::Code::kNotFound
                                             : store::Code::kFailedPrecondition,
          "polis: " + error.text};
}

consensus::Member updated(const Configuration& from, const v1::ChangeRequest& request) {
  const consensus::Member* known = from.find(ReplicaId(request.id()));
  consensus::Member member = known != nullptr ? *known : consensus::Member();
  member.id = ReplicaId(request.id());
  if (!request.name().empty()) member.name = request.name();
  if (!request.peer().empty()) member.peer = request.peer();
  if (!request.client().empty()) member.client = request.client();
  return member;
}

}  // namespace

bool Replica::takes_part() const {
  const auto everyone = store_.applied_mark().configuration.everyone();
  return std::binary_search(everyone.begin(), everyone.end(), options_.identity.replica);
}

// A log of a version that knew its members by id alone learns what the settings say of them.
void Replica::name_known_members() {
  Configuration configuration = store_.applied_mark().configuration;
  if (!configuration.members.empty()) return;
  const auto everyone = configuration.everyone();
  for (const consensus::Member& member : options_.initial.members) {
    if (std::binary_search(everyone.begin(), everyone.end(), member.id)) configuration.put(member);
  }
  store_.set_configuration(std::move(configuration));
}

void Replica::maybe_notice_removal(bool took_part) {
  if (took_part && !takes_part()) removed_ = true;
}

// A master first hands over.
void Replica::maybe_end_removed() {
  if (!removed_ || is_master() || failed_) return;
  failed_ = true;
  if (env_.removed) env_.removed();
}

void Replica::queue_change(std::string_view body, const Answered& done) {
  if (changes_.size() >= kChangesMax) return done(store::status::too_many_requests(), {});
  changes_.push_back({std::string(body), done, env_.loop.now() + options_.request_timeout, {}, {}});
}

void Replica::maybe_begin_change() {
  while (!changes_.empty() && !changes_.front().begun && is_master() && !stands_still()) {
    consensus::Status status = log_->status();
    // Another one is under way, perhaps of the log's own making: a learner's promotion.
    if (!status.configuration_settled) return;
    PendingChange& front = changes_.front();
    const Configuration& from = status.configuration;
    v1::ChangeRequest request;
    Result<Configuration> target = fail(ErrorCode::kInvalid, "no such change");
    if (!store::parse(request, front.body)) {
      target = fail(ErrorCode::kInvalid, "the request cannot be read");
    } else if (request.kind() == v1::ChangeRequest::ADD) {
      front.member =
          new_id(options_.identity, request.peer(), status.last.next(), status.role.term);
      target = with_learner(from, {.id = front.member,
                                   .name = request.name(),
                                   .peer = request.peer(),
                                   .client = request.client(),
                                   .promote = request.promote(),
                                   .replaces = ReplicaId(request.replaces()),
                                   .place = request.place()});
    } else {
      front.member = ReplicaId(request.id());
      if (request.kind() == v1::ChangeRequest::PROMOTE)
        target = with_promoted(from, front.member);
      else if (request.kind() == v1::ChangeRequest::REMOVE)
        target = without(from, front.member);
      else if (request.kind() == v1::ChangeRequest::UPDATE)
        target = with_known(from, updated(from, request));
    }
    Result<LogIndex> begun =
        target ? log_->change(*target, env_.loop.now()) : std::unexpected(target.error());
    if (begun) {
      front.begun = *begun;
      return;
    }
    const Instant asked = front.deadline - options_.request_timeout;
    if (begun.error().code == ErrorCode::kUnavailable &&
        request.kind() == v1::ChangeRequest::PROMOTE &&
        env_.loop.now() - asked < kPromotionPatience)
      return;
    Answered done = std::move(front.done);
    changes_.pop_front();
    done(refusal(begun.error()), {});
  }
}

// The configuration that was just applied may be what the first change was to lead to.
void Replica::maybe_end_change() {
  if (changes_.empty() || !changes_.front().begun) return;
  const SnapshotMark& mark = store_.applied_mark();
  if (mark.index < *changes_.front().begun || mark.configuration.joint()) return;
  PendingChange ended = std::move(changes_.front());
  changes_.pop_front();
  std::string body;
  Writer(body).u64(ended.member.value);
  ended.done({}, std::move(body));
}

// Whoever asked finds the next master; of a change that had begun nobody knows whether it will be
// made.
void Replica::give_changes_up() {
  auto changes = std::exchange(changes_, {});
  for (PendingChange& change : changes) change.done(store::status::leader_changed(), {});
}

}  // namespace polis::replica
