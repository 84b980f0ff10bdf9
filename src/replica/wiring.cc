// How the parts of a replica are put together: what each is given.

#include "base/random.hh"
#include "replica/replica.hh"

namespace polis::replica {
namespace {

// Where this process begins to count what it asks others for: anywhere, so that an answer that was
// meant for an earlier process of this replica is not taken for one to this one.
std::uint64_t first_number(std::uint64_t seed) { return Random(seed).next() >> 1; }

}  // namespace

Replica::Replica(Options options, Environment environment, Recovered recovered)
    : options_(std::move(options)),
      env_(std::move(environment)),
      situation_{.own = options_.identity.replica, .role = recovered.log->status().role},
      store_(std::move(recovered.store)),
      log_(std::move(recovered.log)),
      shortage_(options_, {.situation = situation_,
                           .loop = env_.loop,
                           .disk = env_.disk,
                           .engine = env_.engine,
                           .transport = env_.transport,
                           .store = *store_,
                           .space_changed = env_.space_changed}),
      log_writer_(std::move(recovered.wal),
                  {.situation = situation_,
                   .loop = env_.loop,
                   .transport = env_.transport,
                   .log = *log_,
                   .send = [this](consensus::Outgoing& message) { send(message); },
                   .fatal = [this](const Error& error) { fail_with(error); },
                   .counters = counters_}),
      commands_(options_, {.situation = situation_,
                           .loop = env_.loop,
                           .transport = env_.transport,
                           .log = *log_,
                           .store = *store_,
                           .admits = [this](auto commands) { return shortage_.admits(commands); },
                           .slow = env_.slow,
                           .counters = counters_}),
      reads_(options_, first_number(options_.seed),
             {.situation = situation_,
              .loop = env_.loop,
              .log = *log_,
              .store = *store_,
              .slow = env_.slow}),
      questions_(options_, first_number(~options_.seed),
                 {.situation = situation_,
                  .loop = env_.loop,
                  .transport = env_.transport,
                  .answer = [this](Question question, std::string_view body, Instant asked,
                                   const Answered& done) { answer(question, body, asked, done); }}),
      decisions_(options_, {.situation = situation_,
                            .loop = env_.loop,
                            .transport = env_.transport,
                            .store = *store_,
                            .disk_exhausted = [this] { return shortage_.disk_exhausted(); },
                            .submit =
                                [this](std::vector<OwnCommand> commands) {
                                  commands_.submit_as_master(std::move(commands));
                                }}),
      leases_({.situation = situation_,
               .loop = env_.loop,
               .store = *store_,
               .decisions = decisions_,
               .confirm = [this](Reads::Done done) { reads_.add(std::move(done)); }}),
      changes_(options_, {.situation = situation_, .loop = env_.loop, .log = *log_}),
      hand_overs_(options_,
                  {.situation = situation_,
                   .loop = env_.loop,
                   .log = *log_,
                   .has_room = [this](ReplicaId member) { return shortage_.has_room(member); },
                   .counters = counters_}),
      backups_({.disk = env_.disk,
                .engine = env_.engine,
                .store = *store_,
                .fatal = [this](const Error& error) { fail_with(error); }}),
      sender_(options_, {.loop = env_.loop,
                         .disk = env_.disk,
                         .engine = env_.engine,
                         .store = *store_,
                         .log = *log_,
                         .fatal = [this](const Error& error) { fail_with(error); },
                         .counters = counters_}),
      receiver_(options_,
                {.situation = situation_,
                 .loop = env_.loop,
                 .disk = env_.disk,
                 .engine = env_.engine,
                 .log = *log_,
                 .note_saved_by =
                     [this](store::Store& loaded) { note_saved_by(loaded, options_, wal()); },
                 .install = [this](ReplicaId from, const SnapshotMark& mark,
                                   store::Store& loaded) { install(from, mark, loaded); },
                 .log_goes_on = [this] { log_writer_.tell_what_was_persisted(); },
                 .fatal = [this](const Error& error) { fail_with(error); }}),
      saver_(options_,
             {.situation = situation_,
              .loop = env_.loop,
              .engine = env_.engine,
              .store = *store_,
              .log_at_rest = [this] { return log_writer_.at_rest(); },
              .note_saved_by = [this](store::Store& own) { note_saved_by(own, options_, wal()); },
              .ended = [this](const Result<void>& result) { on_commit_ended(result); },
              .fatal = [this](const Error& error) { fail_with(error); }}) {}

Replica::~Replica() = default;

Result<std::unique_ptr<Replica>> Replica::open(Options options, Environment environment) {
  auto recovered = recover(options, environment.disk, environment.engine, environment.loop.now());
  if (!recovered) return std::unexpected(recovered.error());
  auto replica = std::unique_ptr<Replica>(
      new Replica(std::move(options), std::move(environment), std::move(*recovered)));
  replica->schedule_tick();
  replica->upkeep();
  return replica;
}

}  // namespace polis::replica
