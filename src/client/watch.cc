#include "client/watch.hh"

#include "client/kv.hh"
#include "client/watch_core.hh"

namespace polis::client {
namespace {

WatchCore::Options core_options(const WatchOptions& options) {
  return {.from = options.from,
          .picture = options.picture == Picture::kFirst,
          .waiting_bytes_max = options.waiting_bytes_max};
}

}  // namespace

// Everything that comes from a stream waits for the next round of the loop: a stream must not be
// ended within its own callbacks.
struct Watch::Impl {
  Client& client;
  io::Loop& loop;
  const WatchOptions options;
  const WatchHandlers handlers;
  WatchCore core;
  Kv kv;
  std::optional<Pages> pages;
  std::unique_ptr<http::ClientCall> call;
  io::Address endpoint;  // of the call
  // What the stream said since the last round, and how it ended.
  std::vector<std::string> messages;
  std::optional<std::string> closed;
  std::optional<Result<Found>> page;
  std::unique_ptr<io::Timer> timer;
  bool scheduled = false;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // held weakly by what is posted
  std::shared_ptr<bool> stream;  // held weakly by the callbacks of the call that is open

  Impl(Client& c, io::Loop& l, WatchOptions o, WatchHandlers h)
      : client(c),
        loop(l),
        options(std::move(o)),
        handlers(std::move(h)),
        core(core_options(options)),
        kv(c, l) {}

  void schedule() {
    if (std::exchange(scheduled, true)) return;
    loop.post([this, still = std::weak_ptr(alive)] {
      if (still.expired()) return;
      scheduled = false;
      round();
    });
  }

  void round() {
    const Instant now = loop.now();
    for (const std::string& bytes : std::exchange(messages, {})) {
      if (auto reply = wire::decode_watch_reply(bytes))
        core.on_reply(std::move(*reply), client.endpoints(), now);
    }
    if (auto why = std::exchange(closed, std::nullopt)) core.on_closed(*why, now);
    if (auto one = std::exchange(page, std::nullopt))
      core.on_page(std::move(*one), pages->finished(), now);
    tell();
  }

  void tell() {
    std::weak_ptr still = alive;
    perform();
    while (auto news = core.take_news()) {
      std::visit([this](auto& one) { give(one); }, *news);
      if (still.expired()) return;
    }
    perform();
  }

  void perform() {
    const WatchCore::Output output = core.take_output();
    if (output.close) end_stream();
    // Somebody else may have left the endpoint already.
    if (output.move_on && client.endpoint() == endpoint) client.move_on();
    if (output.open) begin_stream();
    if (output.probe && call) call->send(wire::encode_progress_request());
    if (output.read) read(output.read_fresh);
    timer.reset();
    if (output.wake == Instant::max()) return;
    timer = loop.after(std::max(output.wake - loop.now(), Duration::zero()), [this] {
      auto keep = std::move(timer);
      core.on_time(loop.now());
      tell();
    });
  }

  void begin_stream() {
    end_stream();
    endpoint = client.endpoint();
    stream = std::make_shared<bool>(true);
    call = client.stream(
        "/etcdserverpb.Watch/Watch",
        [this, open = std::weak_ptr(stream)](std::string_view bytes) {
          if (open.expired()) return;
          messages.emplace_back(bytes);
          schedule();
        },
        [this, open = std::weak_ptr(stream)](const http::GrpcStatus& status) {
          if (open.expired()) return;
          closed = status.message.empty() ? "the stream ended" : status.message;
          schedule();
        },
        {{"hasleader", "true"}});
    call->send(
        wire::encode(wire::WatchCreate{.keys = options.keys,
                                       .start = core.next(),
                                       .puts = options.kinds != WatchOptions::Kinds::kDeletions,
                                       .deletions = options.kinds != WatchOptions::Kinds::kPuts,
                                       .previous = options.previous}));
  }

  void end_stream() {
    stream.reset();
    call.reset();
    messages.clear();
    closed.reset();
  }

  void read(bool fresh) {
    if (fresh || !pages) pages.emplace(kv, Read{.keys = options.keys}, options.page_keys);
    pages->next([this](Result<Found> found) {
      page = std::move(found);
      schedule();
    });
  }

  template <typename Handler, typename... News>
  static void say(const Handler& handler, const News&... news) {
    if (auto kept = handler) kept(news...);  // a copy: it may destroy the watch
  }
  void give(const PicturePage& one) { say(handlers.picture, one); }
  void give(const Changes& one) { say(handlers.changes, one); }
  void give(const Missed& one) { say(handlers.missed, one); }
  void give(const Progress& one) { say(handlers.progress, one); }
  void give(const Interrupted& one) { say(handlers.interrupted, one); }
  void give(const Resumed&) { say(handlers.resumed); }
  void give(const WatchEnded& one) { say(handlers.ended, one); }
};

Watch::Watch(Client& client, io::Loop& loop, WatchOptions options, WatchHandlers handlers)
    : impl_(std::make_unique<Impl>(client, loop, std::move(options), std::move(handlers))) {
  impl_->core.start(loop.now());
  impl_->perform();
}

Watch::~Watch() = default;

void Watch::pause() { impl_->core.pause(); }

void Watch::resume() {
  impl_->core.resume(impl_->loop.now());
  impl_->schedule();
}

std::optional<Revision> Watch::next() const { return impl_->core.next(); }

}  // namespace polis::client
