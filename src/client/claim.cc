#include "client/claim.hh"

#include <fmt/format.h>

namespace polis::client {
namespace {

// After a step that had no answer.
constexpr Duration kAgainAfter = std::chrono::milliseconds(50);

// Every step can be repeated, but not for ever.
bool worth_repeating(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kUnknown ||
         error.code == ErrorCode::kNoSpace;
}

// The key of a lease in a queue, as etcd has it.
std::string key_of(const std::string& prefix, LeaseId lease) {
  return fmt::format("{}/{:x}", prefix, lease.value);
}

// What lets go of the key that was made then.
Txn removal_of(const std::string& key, CreateRevision made) {
  Txn txn;
  txn.when(created(key).is(made)).then(Removal{.keys = Keys::one(key)});
  return txn;
}

}  // namespace

Claim::Claim(Session& session, const std::string& prefix, std::string value, ClaimHandlers handlers)
    : session_(session),
      loop_(session.loop()),
      prefix_(prefix + "/"),
      key_(key_of(prefix, session.lease())),
      value_(std::move(value)),
      handlers_(std::move(handlers)),
      kv_(session.client(), loop_) {
  session_end_ = session.on_end([this](const Error& why) { lose(why); });
  reserved_ = session.valid() && session.reserve(key_);
  if (reserved_) {
    enter();
    return;
  }
  Error why{ErrorCode::kInvalid, session.valid()
                                     ? "this session waits for it or holds it already: " + key_
                                     : "the session is not open, or over"};
  loop_.post([this, why, still = std::weak_ptr(alive_)] {
    if (!still.expired()) lose(why);
  });
}

Claim::~Claim() {
  if (!reserved_ || state_ == State::kOver) return;
  // The session makes sure that the key is not used again before it is gone.
  Txn txn;
  txn.then(Removal{.keys = Keys::one(key_)});
  session_.kv().commit(
      created_ == CreateRevision(0) ? txn : removal_of(key_, created_),
      [session = &session_, key = key_](const Outcome<Committed>&) { session->unreserve(key); },
      Repeat::kSafe);
}

bool Claim::certain() const { return state_ == State::kHolding && session_.valid(); }

std::optional<FencingToken> Claim::token() const {
  if (!certain()) return std::nullopt;
  return FencingToken(created_.value);
}

Condition Claim::still_held() const {
  CHECK(created_ != CreateRevision(0));
  return created(key_).is(created_);
}

// --- the queue
// ------------------------------------------------------------------------------------------------

void Claim::enter() {
  Txn txn;
  txn.when(absent(key_))
      .then(Write{.key = key_, .value = value_, .lease = session_.lease()})
      .otherwise(Read{.keys = Keys::one(key_), .content = Read::Content::kKeysOnly});
  stepping_ = true;
  kv_.commit(
      txn, [this](const Outcome<Committed>& outcome) { on_entered(outcome); }, Repeat::kSafe);
}

void Claim::on_entered(const Outcome<Committed>& outcome) {
  stepping_ = false;
  if (state_ == State::kOver) return;
  if (outcome.done()) {
    const Committed& committed = outcome.value();
    // An earlier attempt may have put it.
    created_ = committed.held() ? CreateRevision(committed.at.value)
                                : std::get<Found>(committed.steps.at(0)).keys.at(0).created;
  }
  if (released_) return leave(std::exchange(released_, nullptr));
  if (outcome.done()) {
    state_ = State::kWaiting;
    return look();
  }
  if (!worth_repeating(outcome.error())) return lose(outcome.error());
  again(&Claim::enter);
}

void Claim::look() {
  Txn txn;
  txn.then(Read{.keys = Keys::one(key_), .content = Read::Content::kKeysOnly})
      .then(Read{.keys = Keys::with_prefix(prefix_),
                 .limit = 1,
                 .content = Read::Content::kKeysOnly,
                 .order = Read::Order::kCreatedLast,
                 .created_max = created_.previous()});
  stepping_ = true;
  kv_.commit(txn, [this](const Outcome<Committed>& outcome) { on_looked(outcome); }, Repeat::kSafe);
}

void Claim::on_looked(const Outcome<Committed>& outcome) {
  stepping_ = false;
  if (state_ == State::kOver) return;
  if (released_) return leave(std::exchange(released_, nullptr));
  if (!outcome.done()) {
    if (!worth_repeating(outcome.error())) return lose(outcome.error());
    return again(&Claim::look);
  }
  const Committed& committed = outcome.value();
  const auto& own = std::get<Found>(committed.steps.at(0)).keys;
  const auto& before = std::get<Found>(committed.steps.at(1)).keys;
  if (own.empty() || own[0].created != created_)
    return lose({ErrorCode::kNotFound, fmt::format("somebody has deleted the key {}", key_)});
  if (!before.empty()) {
    // Never while it holds: nothing that is made later is older.
    if (state_ == State::kHolding)
      return lose({ErrorCode::kNotFound, "the cell's history is another one than before"});
    return wait_for(before[0].key, committed.at.next());
  }
  hold(committed.at.next());
}

void Claim::wait_for(const std::string& before, Revision from) {
  watch_ = std::make_unique<Watch>(
      session_.client(), loop_,
      WatchOptions{
          .keys = Keys::one(before), .from = from, .kinds = WatchOptions::Kinds::kDeletions},
      WatchHandlers{.changes = [this](const Changes&) { again(&Claim::look); },
                    .missed = [this](const Missed&) { again(&Claim::look); },
                    .ended = [this](const WatchEnded&) { again(&Claim::look); }});
}

void Claim::hold(Revision from) {
  watch_ = std::make_unique<Watch>(
      session_.client(), loop_,
      WatchOptions{.keys = Keys::one(key_), .from = from, .kinds = WatchOptions::Kinds::kDeletions},
      WatchHandlers{.changes =
                        [this](const Changes&) {
                          lose({ErrorCode::kNotFound,
                                fmt::format("somebody has deleted the key {}", key_)});
                        },
                    .missed = [this](const Missed&) { again(&Claim::look); },
                    .ended = [this](const WatchEnded&) { again(&Claim::look); }});
  if (state_ == State::kHolding) return;  // it was told
  state_ = State::kHolding;
  if (auto held = handlers_.held) held(FencingToken(created_.value));
}

// Not within the callback of the watch, which ends with it; and not at once after a failure.
void Claim::again(void (Claim::*step)()) {
  if (state_ == State::kOver || state_ == State::kReleasing) return;
  const bool news = watch_ != nullptr;
  timer_ = loop_.after(news ? Duration::zero() : kAgainAfter, [this, step] {
    auto keep = std::move(timer_);
    watch_.reset();
    (this->*step)();
  });
}

// --- what the holder does
// ------------------------------------------------------------------------------------------------

void Claim::set_value(std::string value, std::function<void(Outcome<Nothing>)> done) {
  if (!certain()) {
    return loop_.post(
        [done = std::move(done)] { done(fail(ErrorCode::kInvalid, "it is not held")); });
  }
  Txn txn;
  txn.when(still_held())
      .then(Write{.key = key_, .value = std::move(value), .lease = session_.lease()});
  kv_.commit(
      txn,
      [done = std::move(done)](Outcome<Committed> outcome) {
        done(std::move(outcome).then([](const Committed& committed) -> Result<Nothing> {
          if (committed.held()) return Nothing();
          return fail(ErrorCode::kNotFound, "it was lost: its key is gone");
        }));
      },
      Repeat::kSafe);
}

// --- the end
// ------------------------------------------------------------------------------------------------

void Claim::release(std::function<void(Outcome<Nothing>)> done) {
  if (state_ == State::kOver || state_ == State::kReleasing) {
    return loop_.post([done = std::move(done)] {
      done(fail(ErrorCode::kInvalid, "it is neither held nor waited for"));
    });
  }
  state_ = State::kReleasing;
  watch_.reset();
  timer_.reset();
  // A key that is being put must not come after its removal.
  if (stepping_) {
    released_ = std::move(done);
  } else {
    leave(std::move(done));
  }
}

void Claim::leave(std::function<void(Outcome<Nothing>)> done) {
  Txn txn;
  txn.then(Removal{.keys = Keys::one(key_)});
  kv_.commit(
      created_ == CreateRevision(0) ? txn : removal_of(key_, created_),
      [this, done = std::move(done)](Outcome<Committed> outcome) {
        if (outcome.done()) {
          state_ = State::kOver;
          session_end_.reset();
          session_.unreserve(key_);
        }
        done(
            std::move(outcome).then([](const Committed&) -> Result<Nothing> { return Nothing(); }));
      },
      Repeat::kSafe);
}

void Claim::lose(const Error& why) {
  if (state_ == State::kOver) return;
  const bool releasing = state_ == State::kReleasing;
  state_ = State::kOver;
  // This may be the watch's own callback.
  timer_ = loop_.after(Duration::zero(), [this] {
    auto keep = std::move(timer_);
    watch_.reset();
  });
  // The key ends with the session, or is gone.
  if (std::exchange(reserved_, false)) session_.unreserve(key_);
  if (releasing) {
    // Who is releasing waits for the outcome, and is told that; not both.
    if (auto done = std::exchange(released_, nullptr)) done(std::unexpected(why));
    return;
  }
  if (auto lost = handlers_.lost) lost(why);
}

}  // namespace polis::client
