#include "etcd/watch.hh"

#include <fmt/format.h>

#include "api/etcd/rpc.pb.h"
#include "store/parse.hh"

namespace polis::etcd {
namespace {

using etcdserverpb::WatchCreateRequest;
using etcdserverpb::WatchRequest;
using etcdserverpb::WatchResponse;

// etcd's reading of the two fields: no key is the first possible one, and "\0" as end means
// everything behind.
KeyRange range_of(const WatchCreateRequest& request) {
  KeyRange range{request.key(), request.range_end()};
  if (range.key.empty()) range.key.push_back('\0');
  return range;
}

}  // namespace

// One stream of one client. Owned by its call's callbacks.
class WatchService::Stream final : public WatchSink {
 public:
  Stream(WatchService& service, http::ServerCall& call)
      : service_(service), call_(call), number_(service.next_stream_++) {}
  ~Stream() override { release(); }

  void on_message(std::string_view bytes) {
    if (!service_.has_room(*this)) {
      release();
      return call_.finish(to_grpc(
          {store::Code::kResourceExhausted,
           fmt::format("polis: {} bytes of answers wait on this stream and {} on all watch streams "
                       "of this replica; read them before asking for more",
                       queued(), service_.heavy_bytes())}));
    }
    WatchRequest request;
    if (!store::parse(request, bytes)) return call_.finish(to_grpc(store::status::malformed()));
    switch (request.request_union_case()) {
      case WatchRequest::kCreateRequest:
        return create(request.create_request());
      case WatchRequest::kCancelRequest:
        return cancel(request.cancel_request().watch_id());
      case WatchRequest::kProgressRequest:
        service_.asking_[number_] = this;  // answered once for all that ask in one turn
        return;
      case WatchRequest::REQUEST_UNION_NOT_SET:
        return;
    }
  }

  bool may_write() const override { return queued() < service_.queue_bytes_max_; }
  std::size_t queued() const { return call_.queued(); }

  void on_events(std::int64_t watch, std::string_view events, std::uint64_t revision,
                 bool fragment) override {
    std::string bytes;
    bytes.reserve(events.size() + 64);
    append_header(bytes, service_.context_, revision);
    store::append_tag_varint(bytes, 2, static_cast<std::uint64_t>(watch));
    if (fragment) store::append_tag_varint(bytes, 7, 1);
    bytes += events;
    call_.send(bytes);
  }

  void on_compacted(std::int64_t watch, std::uint64_t compacted) override {
    handles_.erase(watch);
    WatchResponse response;
    response.set_watch_id(watch);
    response.set_canceled(true);
    response.set_compact_revision(static_cast<std::int64_t>(compacted));
    response.set_cancel_reason("etcdserver: mvcc: required revision has been compacted");
    send(response, service_.context_.replica.store().revision());
  }

  void on_progress(std::int64_t watch, std::uint64_t revision) override {
    WatchResponse response;
    response.set_watch_id(watch);
    send(response, revision);
  }

 private:
  void release() {
    for (auto& [watch, handle] : handles_) service_.hub_.remove(handle);
    handles_.clear();
    service_.asking_.erase(number_);
    service_.heavy_.erase(this);
  }

  void send(const WatchResponse& response, std::uint64_t revision) {
    std::string bytes;
    append_header(bytes, service_.context_, revision);
    bytes += response.SerializeAsString();
    call_.send(bytes);
  }

  void refuse(std::int64_t watch, const std::string& reason) {
    WatchResponse response;
    response.set_watch_id(watch);
    response.set_created(true);
    response.set_canceled(true);
    response.set_cancel_reason(reason);
    send(response, service_.context_.replica.store().revision());
  }

  void create(const WatchCreateRequest& request) {
    KeyRange range = range_of(request);
    if (!range.single() && !range.to_the_end() && range.end <= range.key) {
      return refuse(-1, "etcdserver: mvcc: watcher range is empty");
    }
    if (request.start_revision() < 0)
      return refuse(-1, "polis: start_revision must not be negative");
    if (request.watch_id() != 0 && handles_.contains(request.watch_id())) {
      return refuse(-1, "etcdserver: mvcc: duplicate watch ID provided on the WatchStream");
    }
    if (handles_.size() >= kWatchesPerStreamMax) {
      return refuse(-1, fmt::format("polis: this stream has {} watches, the most that one may "
                                    "have; cancel some or open another stream",
                                    kWatchesPerStreamMax));
    }
    if (service_.hub_.size() >= kWatchesMax) {
      return refuse(-1,
                    fmt::format("polis: this replica has {} watches, the most that it may have; "
                                "use another replica",
                                kWatchesMax));
    }
    std::int64_t watch = request.watch_id();
    if (watch == 0) {
      while (handles_.contains(next_watch_)) ++next_watch_;
      watch = next_watch_++;
    }
    WatchSpec spec{.range = std::move(range),
                   .start = static_cast<std::uint64_t>(request.start_revision()),
                   .previous = request.prev_kv(),
                   .progress = request.progress_notify(),
                   .fragment = request.fragment()};
    for (int filter : request.filters()) {
      if (filter == WatchCreateRequest::NOPUT) spec.put = false;
      if (filter == WatchCreateRequest::NODELETE) spec.erase = false;
    }
    WatchResponse response;
    response.set_watch_id(watch);
    response.set_created(true);
    send(response, service_.context_.replica.store().revision());
    handles_[watch] = service_.hub_.add(*this, watch, std::move(spec));
  }

  void cancel(std::int64_t watch) {
    auto found = handles_.find(watch);
    if (found == handles_.end()) return;
    service_.hub_.remove(found->second);
    handles_.erase(found);
    WatchResponse response;
    response.set_watch_id(watch);
    response.set_canceled(true);
    send(response, service_.context_.replica.store().revision());
  }

  WatchService& service_;
  http::ServerCall& call_;
  std::uint64_t number_;
  std::unordered_map<std::int64_t, WatchHub::Handle> handles_;
  std::int64_t next_watch_ = 0;
};

void WatchService::report(MetricSink& out) const {
  const auto watches = static_cast<double>(hub_.size());
  out.gauge("polis_watches", "Watches on this replica", watches);
  out.gauge("etcd_debugging_mvcc_watcher_total", "Total number of watchers.", watches);
}

WatchService::WatchService(Context context, http::Server& server, io::Loop& reactor,
                           std::size_t queue_bytes_max, Duration progress_interval)
    : context_(context),
      reactor_(reactor),
      queue_bytes_max_(queue_bytes_max),
      progress_interval_(progress_interval),
      hub_(context.replica.store()) {
  server.add_stream("/etcdserverpb.Watch/Watch", [this](const http::CallPtr& call) {
    // Shared by the call's callbacks, which are dropped when it ends.
    auto stream = std::make_shared<Stream>(*this, *call);
    call->on_message = [stream](std::string_view bytes) { stream->on_message(bytes); };
    // A client that sends no more still reads: its watches live on.
    call->on_drained = [this] { reactor_.post([] {}); };  // the turn's end gives more
    call->on_close = [stream] {};
  });
  notify_progress();
}

void WatchService::notify_progress() {
  hub_.notify_progress();
  progress_timer_ = reactor_.after(progress_interval_, [this] {
    auto keep = std::move(progress_timer_);
    notify_progress();
  });
}

void WatchService::turn_end() {
  if (hub_.turn_end()) reactor_.post([] {});  // another turn for those who still read the past
  answer_progress();
}

// "This far" may be said of a stream when all its watches are up to date; until then it waits.
void WatchService::answer_progress() {
  std::erase_if(asking_, [this](const auto& asking) {
    Stream* stream = asking.second;
    if (!hub_.synced(*stream) || !stream->may_write()) return false;
    stream->on_progress(-1, context_.replica.store().revision());
    return true;
  });
}

// Only streams that hold much are looked at: there are few.
bool WatchService::has_room(Stream& stream) {
  if (stream.queued() < kAnswersHeavy) return true;
  heavy_.insert(&stream);
  return stream.queued() < kAnswersPerStreamMax && heavy_bytes() < kAnswersMax;
}

std::size_t WatchService::heavy_bytes() {
  std::size_t bytes = 0;
  std::erase_if(heavy_, [&](Stream* stream) {
    bytes += stream->queued();
    return stream->queued() < kAnswersHeavy;
  });
  return bytes;
}

}  // namespace polis::etcd
