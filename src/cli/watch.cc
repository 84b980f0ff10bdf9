// polis kv watch

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "api/etcd/rpc.pb.h"
#include "cli/cli.hh"
#include "cli/range_options.hh"
#include "cli/watch_progress.hh"

namespace polis::cli {
namespace {

using namespace etcdserverpb;

// Between attempts to go on somewhere, each longer than the one before.
constexpr Duration kRetryMin = std::chrono::milliseconds(100);
constexpr Duration kRetryMax = std::chrono::seconds(2);
// A watch that nobody serves for so long ends.
constexpr Duration kGiveUpAfter = std::chrono::minutes(5);

void print(const WatchResponse& response, bool json) {
  if (json) return print_json(response);
  for (const auto& event : response.events()) {
    if (event.type() == mvccpb::Event::DELETE) {
      fmt::print("DELETE {}\n", printable(event.kv().key()));
    } else {
      fmt::print("PUT {}\n{}\n", printable(event.kv().key()), printable(event.kv().value()));
    }
  }
  std::fflush(stdout);
}

// One watch over all endpoints: when the replica that serves it goes, it goes on at the next one.
class Watching {
 public:
  Watching(const Target& target, Session& session, WatchCreateRequest request,
           std::int64_t events_max)
      : json_(target.json()),
        session_(session),
        request_(std::move(request)),
        progress_(request_.start_revision()),
        events_max_(events_max) {}

  int run() {
    open();
    session_.reactor().on_signal([this](int) { session_.reactor().stop(); });
    session_.reactor().run();
    return exit_code_;
  }

 private:
  void open() {
    call_ = session_.client().stream(
        "/etcdserverpb.Watch/Watch", [this](std::string_view bytes) { on_message(bytes); },
        [this](const http::GrpcStatus& status) { on_closed(status); });
    WatchRequest request;
    *request.mutable_create_request() = progress_.resume(request_);
    call_->send(request.SerializeAsString());
  }

  void on_message(std::string_view bytes) {
    WatchResponse response;
    if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
    if (response.canceled()) return on_canceled(response);
    if (lost_since_) {
      note(fmt::format("the watch goes on at {} from revision {}",
                       session_.client().endpoint().text(), progress_.next()));
      lost_since_.reset();
      retry_ = kRetryMin;
    }
    served_ = true;
    const bool news = !response.events().empty();
    progress_.on_response(response);
    if (news && response.events().empty()) return;  // all of it was shown before
    print(response, json_);
    seen_ += response.events_size();
    if (events_max_ > 0 && seen_ >= events_max_) session_.reactor().stop();
  }

  void on_canceled(const WatchResponse& response) {
    // At the first attempt the user has asked for what is not there; later it is an accident.
    if ((resumed_ || seen_ > 0) && response.compact_revision() != 0) {
      const std::string missed = progress_.skip_to(response.compact_revision());
      if (!missed.empty()) {
        note(fmt::format(
            "{} were compacted before this watch could see them; their changes are missed",
            missed));
      }
      return again(Duration(0));
    }
    exit_code_ = complain(
        http::grpc_status(http::GrpcCode::kCancelled,
                          response.compact_revision() != 0
                              ? fmt::format("{}; the oldest one that can be watched is {}",
                                            response.cancel_reason(), response.compact_revision())
                              : response.cancel_reason()));
    session_.reactor().stop();
  }

  void on_closed(const http::GrpcStatus& status) {
    const Instant now = session_.reactor().now();
    // Before it was served once, each endpoint is tried once.
    const bool hopeless = status.code != static_cast<int>(http::GrpcCode::kUnavailable) ||
                          (!served_ && ++attempts_ >= session_.client().endpoints()) ||
                          (lost_since_ && now - *lost_since_ > kGiveUpAfter);
    if (hopeless) {
      exit_code_ = complain(status);
      return session_.reactor().stop();
    }
    if (served_ && !lost_since_) {
      note(fmt::format("the watch at {} ended ({}); going on elsewhere",
                       session_.client().endpoint().text(), status.message));
      lost_since_ = now;
    }
    resumed_ = resumed_ || served_;
    session_.client().move_on();
    again(served_ ? retry_ : Duration(0));
    retry_ = std::min(retry_ * 2, kRetryMax);
  }

  // Not within the callback of the call that ended.
  void again(Duration delay) {
    next_ = session_.reactor().after(delay, [this] {
      call_.reset();
      open();
    });
  }

  const bool json_;
  Session& session_;
  const WatchCreateRequest request_;
  WatchProgress progress_;
  const std::int64_t events_max_;  // 0: no end
  std::int64_t seen_ = 0;
  std::size_t attempts_ = 0;
  bool served_ = false;   // by some replica, once
  bool resumed_ = false;  // it was cut off, and goes on
  std::optional<Instant> lost_since_;
  Duration retry_ = kRetryMin;
  std::unique_ptr<http::ClientCall> call_;
  std::unique_ptr<io::Timer> next_;
  int exit_code_ = kDone;
};

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
  auto request = std::make_shared<WatchCreateRequest>();
  auto events = std::make_shared<std::int64_t>(0);
  target->add_to(*app);
  range->add_to(*app);
  app->add_option_function<std::int64_t>(
      "--start", [request](std::int64_t n) { request->set_start_revision(n); },
      "begin with this revision, also a past one");
  app->add_flag_callback(
      "--prev-kv", [request] { request->set_prev_kv(true); },
      "ask for what was there before (in JSON)");
  app->add_option("--events", *events, "end after so many changes");
  app->callback([=, &run] {
    run = [=] {
      range->fill(*request);
      request->set_fragment(true);
      auto session = Session::open(*target);
      if (!session) return complain(session.error());
      return Watching(*target, **session, *request, *events).run();
    };
  });
}

}  // namespace polis::cli
