#include "etcd/range_stream.hh"

#include "api/etcd/rpc.pb.h"
#include "store/parse.hh"

namespace polis::etcd {
namespace {

using etcdserverpb::RangeRequest;

constexpr int kRangeResponse = 1;  // field of RangeStreamResponse

// What cannot be given in pieces; the texts are etcd's.
store::Status check(const RangeRequest& request) {
  const bool in_key_order =
      request.sort_target() == RangeRequest::KEY && request.sort_order() != RangeRequest::DESCEND;
  if (!in_key_order)
    return {store::Code::kUnimplemented, "RangeStream does not support custom sort orders"};
  if (request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
      request.min_create_revision() != 0 || request.max_create_revision() != 0)
    return {store::Code::kUnimplemented, "RangeStream does not support revision filters"};
  return {};
}

}  // namespace

// Plans what a stream will read, in slices.
class RangeStreamService::PlanJob final : public LongReads::Job {
 public:
  explicit PlanJob(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  bool run(std::uint64_t& work) override;
  void on_store_replaced() override;

 private:
  std::shared_ptr<Stream> stream_;  // shared with the call's callbacks
};

// One call. Owned by its callbacks.
class RangeStreamService::Stream final : public std::enable_shared_from_this<Stream> {
 public:
  Stream(RangeStreamService& service, http::ServerCall& call) : service_(&service), call_(call) {
    service_->streams_.insert(this);
  }
  ~Stream() {
    if (service_ != nullptr) service_->streams_.erase(this);
  }

  bool begun() { return std::exchange(begun_, true); }
  http::ServerCall& call() { return call_; }

  void begin(store::RangeQuery query) {
    if (!call_.open()) return;
    store::Store& store = service_->context_.replica.store();
    if (store::Status refused = store.readable(query.revision); !refused.ok())
      return call_.finish(to_grpc(refused));
    // The header says which revision was the newest when the stream began.
    append_header(header_, service_->context_, store.revision());
    cursor_ = std::make_unique<store::RangeCursor>(store, std::move(query));
    if (!service_->context_.long_reads.add(std::make_unique<PlanJob>(shared_from_this()))) {
      cursor_.reset();
      call_.finish(to_grpc(store::status::too_many_requests()));
    }
  }

  // As LongReads::Job::run: plans, and then sends the first message.
  bool plan(std::uint64_t& work) {
    if (!cursor_) return true;
    if (!cursor_->plan(work)) return false;
    planned_ = true;
    read(next_);
    go_on();
    return true;
  }

  // One message, if the client has taken enough of those before; the next in another turn.
  void go_on() {
    if (!cursor_ || !planned_ || scheduled_ || call_.queued() >= service_->queue_bytes_max_) return;
    std::string after;
    const bool last = !read(after);
    if (last) next_ += header_;
    std::string message;
    message.reserve(next_.size() + 8);
    store::append_tag_bytes(message, kRangeResponse, next_);
    next_ = std::move(after);
    if (last) {
      cursor_.reset();
      call_.send(message);
      return call_.finish({});
    }
    scheduled_ = true;
    // Shared with the turn that goes on; the call may end before.
    service_->reactor_.post([self = shared_from_this()] {
      self->scheduled_ = false;
      self->go_on();
    });
    call_.send(message);
  }

  // What is read from has gone.
  void cut() {
    if (!cursor_) return;
    cursor_.reset();
    call_.finish(to_grpc(store::status::leader_changed()));
  }
  // The call is over.
  void end() { cursor_.reset(); }
  // The service is going; this object may stay until a callback that holds it has gone, too.
  void leave() {
    cursor_.reset();
    service_ = nullptr;
  }

 private:
  bool read(std::string& out) {
    const bool some = cursor_->read(out, chunk_);
    chunk_ = std::min(2 * chunk_, kStreamChunkMax);
    return some;
  }

  RangeStreamService* service_;
  http::ServerCall& call_;
  bool begun_ = false, planned_ = false, scheduled_ = false;
  std::string header_;  // of the last message
  std::string next_;    // what the next message holds; whether it is the last is not known yet
  std::size_t chunk_ = kStreamChunkMin;
  std::unique_ptr<store::RangeCursor> cursor_;  // nothing before the stream began and after its end
};

bool RangeStreamService::PlanJob::run(std::uint64_t& work) { return stream_->plan(work); }

void RangeStreamService::PlanJob::on_store_replaced() { stream_->cut(); }

RangeStreamService::RangeStreamService(Context context, http::Server& server, io::Loop& reactor,
                                       std::size_t queue_bytes_max)
    : context_(context), reactor_(reactor), queue_bytes_max_(queue_bytes_max) {
  server.add_stream(
      "/etcdserverpb.KV/RangeStream",
      [this](const http::CallPtr& call) {
        // Shared by the call's callbacks, which are dropped when it ends, and by what it waits for.
        auto stream = std::make_shared<Stream>(*this, *call);
        call->on_message = [this, stream](std::string_view bytes) { on_request(stream, bytes); };
        call->on_drained = [stream] { stream->go_on(); };
        call->on_close = [stream] { stream->end(); };
      },
      http::Streams::kServer);
}

RangeStreamService::~RangeStreamService() {
  for (Stream* stream : std::exchange(streams_, {})) stream->leave();
}

void RangeStreamService::on_store_replaced() {
  // A copy: a call that ends may destroy its stream.
  for (Stream* stream : std::set<Stream*>(streams_)) {
    if (streams_.contains(stream)) stream->cut();
  }
}

void RangeStreamService::on_request(const std::shared_ptr<Stream>& stream, std::string_view bytes) {
  if (stream->begun()) return;  // one request makes one stream
  RangeRequest request;
  store::RangeQuery query;
  bool serializable = false;
  http::CallPtr call = stream->call().shared_from_this();
  if (!store::parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  if (store::Status refused = store::parse_range(bytes, query, serializable); !refused.ok())
    return call->finish(to_grpc(refused));
  if (store::Status refused = check(request); !refused.ok()) return call->finish(to_grpc(refused));
  if (serializable) return stream->begin(std::move(query));
  // Shared: std::function must be copyable, and the query should not be copied. `call` keeps the
  // call, and with it the stream's reference, until the barrier has answered.
  auto shared = std::make_shared<store::RangeQuery>(std::move(query));
  context_.replica.read_barrier([stream, call, shared](const store::Status& status) {
    if (!status.ok()) return call->finish(to_grpc(status));
    stream->begin(std::move(*shared));
  });
}

}  // namespace polis::etcd
