// polis kv watch

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "api/etcd/rpc.pb.h"
#include "cli/cli.hh"
#include "cli/range_options.hh"
#include "client/watch.hh"

namespace polis::cli {
namespace {

using client::Event;
using client::KeyValue;
using client::Revision;

// A watch that nobody serves for so long ends.
constexpr Duration kGiveUpAfter = std::chrono::minutes(5);

void fill(mvccpb::KeyValue& out, const KeyValue& kv) {
  out.set_key(kv.key);
  out.set_value(kv.value);
  out.set_create_revision(kv.created.value);
  out.set_mod_revision(kv.changed.value);
  out.set_version(kv.version.value);
  out.set_lease(kv.lease.value);
}

// In etcd's form.
void print_as_json(const client::Changes& changes) {
  etcdserverpb::WatchResponse response;
  response.mutable_header()->set_revision(changes.through.value);
  for (const Event& event : changes.events) {
    mvccpb::Event& out = *response.add_events();
    if (event.kind == Event::Kind::kDelete) out.set_type(mvccpb::Event::DELETE);
    fill(*out.mutable_kv(), event.now);
    if (event.before) fill(*out.mutable_prev_kv(), *event.before);
  }
  print_json(response);
}

void print_as_text(const client::Changes& changes) {
  for (const Event& event : changes.events) {
    if (event.kind == Event::Kind::kDelete) {
      fmt::print("DELETE {}\n", printable(event.now.key));
    } else {
      fmt::print("PUT {}\n{}\n", printable(event.now.key), printable(event.now.value));
    }
  }
  std::fflush(stdout);
}

// One watch over all endpoints, and what is said about it.
class Watching {
 public:
  Watching(const Target& target, Session& session, client::WatchOptions options,
           std::int64_t events_max)
      : json_(target.json()),
        session_(session),
        events_max_(events_max),
        watch_(session.client(), session.reactor(), std::move(options),
               {.changes = [this](const auto& changes) { on_changes(changes); },
                .missed = [this](const auto& missed) { on_missed(missed); },
                .interrupted = [this](const auto& interrupted) { on_interrupted(interrupted); },
                .resumed = [this] { on_resumed(); },
                .ended = [this](const auto& ended) { end(ended.why); }}) {}

  int run() {
    session_.reactor().on_signal([this](int) { session_.reactor().stop(); });
    session_.reactor().run();
    return exit_code_;
  }

 private:
  void on_changes(const client::Changes& changes) {
    json_ ? print_as_json(changes) : print_as_text(changes);
    seen_ += static_cast<std::int64_t>(changes.events.size());
    if (events_max_ > 0 && seen_ >= events_max_) session_.reactor().stop();
  }

  void on_missed(const client::Missed& missed) {
    // At first the user has asked for what is not there; later it is an accident.
    if (seen_ == 0 && !interrupted_before_) {
      watch_.pause();
      return end(
          fmt::format("revision {} has been compacted; the oldest one that can be watched is {}",
                      missed.first.value, missed.last.value + 1));
    }
    if (missed.why == client::MissedWhy::kRestored) {
      return note("the cell was restored from a backup: what changed by that is missed");
    }
    note(fmt::format(
        "{} were compacted before this watch could see them; their changes are missed",
        missed.first == missed.last
            ? fmt::format("revision {}", missed.first.value)
            : fmt::format("revisions {} to {}", missed.first.value, missed.last.value)));
  }

  void on_interrupted(const client::Interrupted& interrupted) {
    interrupted_before_ = true;
    note(fmt::format("the watch was interrupted ({}); going on elsewhere", interrupted.why));
    give_up_ = session_.reactor().after(
        kGiveUpAfter, [this, why = interrupted.why] { end("nobody serves the watch: " + why); });
  }

  void on_resumed() {
    give_up_.reset();
    note(fmt::format("the watch goes on at {} from revision {}",
                     session_.client().endpoint().text(),
                     watch_.next().value_or(Revision(0)).value));
  }

  void end(const std::string& why) {
    exit_code_ = complain(http::grpc_status(http::GrpcCode::kCancelled, why));
    session_.reactor().stop();
  }

  const bool json_;
  Session& session_;
  const std::int64_t events_max_;  // 0: no end
  std::int64_t seen_ = 0;
  bool interrupted_before_ = false;
  std::unique_ptr<io::Timer> give_up_;
  int exit_code_ = kDone;
  client::Watch watch_;
};

// Once at least one replica answers, a watch does not end for want of one; before, it does, so that
// a wrong endpoint is noticed.
http::GrpcStatus find_a_replica(Session& session, const std::string& key) {
  etcdserverpb::RangeRequest request;
  request.set_key(key);
  request.set_serializable(true);
  request.set_count_only(true);
  etcdserverpb::RangeResponse response;
  return session.call("/etcdserverpb.KV/Range", request, response);
}

int watch(const Target& target, client::WatchOptions options, std::int64_t events_max) {
  auto session = Session::open(target);
  if (!session) return complain(session.error());
  if (auto status = find_a_replica(**session, options.keys.first()); !status.ok())
    return complain(status);
  return Watching(target, **session, std::move(options), events_max).run();
}

}  // namespace

void add_watch_command(CLI::App& kv, Run& run) {
  auto* app = kv.add_subcommand("watch", "Print the changes of a key or a range, as they come");
  app->footer(
      "Examples:\n  polis kv watch greeting\n  polis kv watch --prefix services/ --start 100\n  "
      "polis kv watch greeting --events 1\n"
      "With several endpoints it goes on at another one when a replica stops, and says what it "
      "missed.");
  auto target = std::make_shared<Target>();
  auto range = std::make_shared<RangeOptions>();
  auto start = std::make_shared<std::int64_t>(0);
  auto previous = std::make_shared<bool>(false);
  auto events = std::make_shared<std::int64_t>(0);
  target->add_to(*app);
  range->add_to(*app);
  app->add_option("--start", *start, "begin with this revision, also a past one")
      ->check(CLI::NonNegativeNumber);
  app->add_flag("--prev-kv", *previous, "ask for what was there before (in JSON)");
  app->add_option("--events", *events, "end after so many changes");
  app->callback([=, &run] {
    run = [=] {
      etcdserverpb::WatchCreateRequest keys;
      range->fill(keys);
      client::WatchOptions options{
          .keys = client::Keys::as_etcd(keys.key(), keys.range_end()),
          .previous = *previous ? client::Previous::kYes : client::Previous::kNo};
      if (*start > 0) options.from = Revision(*start);
      return watch(*target, std::move(options), *events);
    };
  });
}

}  // namespace polis::cli
