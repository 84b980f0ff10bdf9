#include "etcd/kv.hh"

namespace polis::etcd {
namespace {

// Larger answers are made while they are sent.
constexpr std::uint64_t kBufferedAnswerMax = 64 << 10;

}  // namespace

// A RangeResponse: header, then the store's part piece by piece.
class KvService::RangeSource final : public http::MessageSource {
 public:
  RangeSource(KvService& service, std::string header, std::unique_ptr<store::RangeCursor> cursor)
      : service_(&service),
        header_(std::move(header)),
        size_(header_.size() + cursor->body_bytes()),
        cursor_(std::move(cursor)) {
    service_->sources_.insert(this);
  }
  ~RangeSource() override {
    if (service_ != nullptr) service_->sources_.erase(this);
  }
  std::uint64_t size() const override { return size_; }
  bool read(std::string& out, std::size_t bytes_max) override {
    if (!header_.empty()) {
      out += std::exchange(header_, {});
      return true;
    }
    return cursor_ && cursor_->read(out, bytes_max);
  }
  void cut() {
    cursor_.reset();
    service_ = nullptr;
  }

 private:
  KvService* service_;
  std::string header_;
  std::uint64_t size_;
  std::unique_ptr<store::RangeCursor> cursor_;
};

KvService::KvService(Context context, http::Server& server) : context_(context) {
  using store::CommandKind;
  auto changing = [this](CommandKind kind) {
    return [this, kind](const http::CallPtr& call, std::string_view request) {
      change(kind, call, request);
    };
  };
  server.add_unary("/etcdserverpb.KV/Put", changing(CommandKind::kPut));
  server.add_unary("/etcdserverpb.KV/DeleteRange", changing(CommandKind::kDeleteRange));
  server.add_unary("/etcdserverpb.KV/Compact", changing(CommandKind::kCompact));
  server.add_unary("/etcdserverpb.KV/Txn",
                   [this](const http::CallPtr& call, std::string_view r) { on_txn(call, r); });
  server.add_unary("/etcdserverpb.KV/Range",
                   [this](const http::CallPtr& call, std::string_view r) { on_range(call, r); });
}

KvService::~KvService() { on_store_replaced(); }

void KvService::on_store_replaced() {
  for (RangeSource* source : std::exchange(sources_, {})) source->cut();
}

void KvService::change(store::CommandKind kind, const http::CallPtr& call,
                       std::string_view request) {
  if (store::Status refused = store::validate(kind, request); !refused.ok())
    return call->finish(to_grpc(refused));
  context_.replica.submit(
      kind, request, [this, call](const store::Reply& reply) { answer(call, context_, reply); });
}

void KvService::on_txn(const http::CallPtr& call, std::string_view request) {
  if (store::Status refused = store::validate(store::CommandKind::kTxn, request); !refused.ok()) {
    return call->finish(to_grpc(refused));
  }
  if (!store::only_reads(request)) return change(store::CommandKind::kTxn, call, request);
  context_.replica.read_barrier(
      [this, call, bytes = std::string(request)](const store::Status& status) {
        if (!status.ok()) return call->finish(to_grpc(status));
        answer(call, context_, context_.replica.store().read_txn(bytes));
      });
}

void KvService::on_range(const http::CallPtr& call, std::string_view request) {
  store::RangeQuery query;
  bool serializable = false;
  if (store::Status refused = store::parse_range(request, query, serializable); !refused.ok()) {
    return call->finish(to_grpc(refused));
  }
  if (serializable) return serve_range(call, std::move(query));
  // Shared: std::function must be copyable, and the query should not be copied.
  auto shared = std::make_shared<store::RangeQuery>(std::move(query));
  context_.replica.read_barrier([this, call, shared](const store::Status& status) {
    if (!status.ok()) return call->finish(to_grpc(status));
    serve_range(call, std::move(*shared));
  });
}

void KvService::serve_range(const http::CallPtr& call, store::RangeQuery query) {
  if (!call->open()) return;
  store::Store& store = context_.replica.store();
  std::string one;
  append_header(one, context_, store.revision());
  if (store.range_of_one(query, one)) return call->reply(one);
  if (store::Status refused = store.readable(query.revision); !refused.ok())
    return call->finish(to_grpc(refused));
  auto cursor = std::make_unique<store::RangeCursor>(store, std::move(query));
  std::string bytes;
  append_header(bytes, context_, store.revision());
  if (cursor->body_bytes() > http::kGrpcMessageMax - bytes.size()) {
    return call->finish(to_grpc({store::Code::kResourceExhausted,
                                 "polis: the answer exceeds 4 GiB, the largest gRPC message; use "
                                 "limit, or a smaller range"}));
  }
  if (cursor->body_bytes() > kBufferedAnswerMax) {
    call->send_from(std::make_unique<RangeSource>(*this, std::move(bytes), std::move(cursor)));
    return call->finish({});
  }
  while (cursor->read(bytes, SIZE_MAX)) {
  }
  call->reply(bytes);
}

}  // namespace polis::etcd
