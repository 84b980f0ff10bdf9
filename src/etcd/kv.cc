#include "etcd/kv.hh"

#include <fmt/format.h>

#include "api/etcd/rpc.pb.h"
#include "store/parse.hh"

namespace polis::etcd {
namespace {

using store::Code;
using store::Status;

Status too_much_work(std::uint64_t work) {
  return {Code::kResourceExhausted,
          fmt::format("polis: this request needs {} units of work that everybody would wait for, "
                      "and one may need {} (a key that a compare looks at counts {}, with its "
                      "value {}, a key that is deleted {}); divide it into smaller ranges",
                      work, store::kCommandWorkMax, store::kKeyWork, store::kRecordWork,
                      store::kDeleteWork)};
}

Status answer_too_large(std::uint64_t bytes, std::uint64_t bytes_max) {
  return {Code::kResourceExhausted,
          fmt::format("polis: the answer has {} bytes, more than the {} that one message may have; "
                      "use limit, or a smaller range",
                      bytes, bytes_max)};
}

Status check(const store::CommandCost& cost) {
  if (cost.work > store::kCommandWorkMax) return too_much_work(cost.work);
  if (cost.answer_bytes > kTxnAnswerBytesMax)
    return answer_too_large(cost.answer_bytes, kTxnAnswerBytesMax);
  return {};
}

}  // namespace

// The header, then the store's part piece by piece.
class KvService::AnswerSource final : public http::MessageSource {
 public:
  AnswerSource(KvService& service, std::string header, AnswerPtr answer)
      : service_(&service),
        header_(std::move(header)),
        size_(header_.size() + answer->body_bytes()),
        answer_(std::move(answer)) {
    service_->sources_.insert(this);
  }
  ~AnswerSource() override {
    if (service_ != nullptr) service_->sources_.erase(this);
  }
  std::uint64_t size() const override { return size_; }
  bool read(std::string& out, std::size_t bytes_max) override {
    if (!header_.empty()) {
      out += std::exchange(header_, {});
      return true;
    }
    return answer_ && answer_->read(out, bytes_max);
  }
  void cut() {
    answer_.reset();
    service_ = nullptr;
  }

 private:
  KvService* service_;
  std::string header_;
  std::uint64_t size_;
  AnswerPtr answer_;
};

// Plans an answer in slices, then sends it.
class KvService::AnswerJob final : public LongReads::Job {
 public:
  AnswerJob(KvService& service, Delivery delivery)
      : service_(service), delivery_(std::move(delivery)) {}
  bool run(std::uint64_t& work) override {
    if (!delivery_.call->open()) return true;
    if (!delivery_.answer->plan(work)) return false;
    service_.send(delivery_);
    return true;
  }
  void on_store_replaced() override {
    delivery_.call->finish(to_grpc(store::status::leader_changed()));
  }

 private:
  KvService& service_;
  Delivery delivery_;
};

// A transaction that only reads: its compares in one step, which is bounded; its answer in slices.
class KvService::TxnJob final : public LongReads::Job {
 public:
  TxnJob(KvService& service, http::CallPtr call,
         std::shared_ptr<const etcdserverpb::TxnRequest> txn)
      : service_(service), call_(std::move(call)), txn_(std::move(txn)) {}
  bool run(std::uint64_t& work) override {
    if (!call_->open()) return true;
    store::Store& store = service_.context_.replica.store();
    const store::CommandCost cost = store.cost_of(*txn_);
    if (Status refused = check(cost); !refused.ok()) {
      call_->finish(to_grpc(refused));
      return true;
    }
    if (cost.work > work && work < kTurnWork) return false;
    work -= std::min(work, cost.work);
    service_.on_reply(call_, store.read_txn(*txn_), {});
    return true;
  }
  void on_store_replaced() override { call_->finish(to_grpc(store::status::leader_changed())); }

 private:
  KvService& service_;
  http::CallPtr call_;
  // Shared with the read barrier's callback, which must be copyable.
  std::shared_ptr<const etcdserverpb::TxnRequest> txn_;
};

KvService::KvService(Context context, http::Server& server) : context_(context) {
  using store::CommandKind;
  auto changing = [this](CommandKind kind) {
    return [this, kind](const http::CallPtr& call, std::string_view request) {
      change(kind, call, request);
    };
  };
  server.add_unary("/etcdserverpb.KV/Put", changing(CommandKind::kPut));
  server.add_unary("/etcdserverpb.KV/Compact", changing(CommandKind::kCompact));
  server.add_unary("/etcdserverpb.KV/DeleteRange",
                   [this](const http::CallPtr& call, std::string_view r) { on_delete(call, r); });
  server.add_unary("/etcdserverpb.KV/Txn",
                   [this](const http::CallPtr& call, std::string_view r) { on_txn(call, r); });
  server.add_unary("/etcdserverpb.KV/Range",
                   [this](const http::CallPtr& call, std::string_view r) { on_range(call, r); });
}

KvService::~KvService() { on_store_replaced(); }

void KvService::on_store_replaced() {
  for (AnswerSource* source : std::exchange(sources_, {})) source->cut();
}

// --- changes
// -------------------------------------------------------------------------------------------------------

void KvService::change(store::CommandKind kind, const http::CallPtr& call,
                       std::string_view request) {
  if (Status refused = store::validate(kind, request); !refused.ok())
    return call->finish(to_grpc(refused));
  submit(kind, call, request, {});
}

void KvService::submit(store::CommandKind kind, const http::CallPtr& call, std::string_view request,
                       const store::CommandCost& cost) {
  if (Status refused = check(cost); !refused.ok()) return call->finish(to_grpc(refused));
  const std::string_view changed =
      kind == store::CommandKind::kTxn ? "transaction" : "deletion";  // with a large answer
  context_.replica.submit(
      kind, request,
      [this, call, changed](store::Reply reply) { on_reply(call, std::move(reply), changed); },
      cost.work);
}

void KvService::on_delete(const http::CallPtr& call, std::string_view bytes) {
  etcdserverpb::DeleteRangeRequest request;
  if (!store::parse(request, bytes)) return call->finish(to_grpc(store::status::malformed()));
  if (request.key().empty()) return call->finish(to_grpc(store::status::empty_key()));
  if (bytes.size() > store::kRequestBytesMax)
    return call->finish(to_grpc(store::status::too_large()));
  submit(store::CommandKind::kDeleteRange, call, bytes,
         context_.replica.store().cost_of_deletion({request.key(), request.range_end()},
                                                   request.prev_kv()));
}

void KvService::on_txn(const http::CallPtr& call, std::string_view bytes) {
  if (bytes.size() > store::kRequestBytesMax)
    return call->finish(to_grpc(store::status::too_large()));
  auto txn = std::make_shared<etcdserverpb::TxnRequest>();
  Status refused = store::parse_txn(bytes, *txn);
  if (refused.ok()) refused = store::validate(*txn);
  if (refused.ok() && store::depth_of(*txn) > store::kTxnDepthFirst &&
      context_.replica.store().cell_version() < store::kCellVersionDeepTxns)
    refused = store::status::too_many_ops();
  if (!refused.ok()) return call->finish(to_grpc(refused));
  if (!store::only_reads(*txn)) {
    return submit(store::CommandKind::kTxn, call, bytes, context_.replica.store().cost_of(*txn));
  }
  context_.replica.read_barrier([this, call, txn](const Status& status) {
    if (!status.ok()) return call->finish(to_grpc(status));
    if (!context_.long_reads.add(std::make_unique<TxnJob>(*this, call, txn)))
      call->finish(to_grpc(store::status::too_many_requests()));
  });
}

// --- ranges
// --------------------------------------------------------------------------------------------------------

void KvService::on_range(const http::CallPtr& call, std::string_view request) {
  store::RangeQuery query;
  bool serializable = false;
  if (Status refused = store::parse_range(request, query, serializable); !refused.ok()) {
    return call->finish(to_grpc(refused));
  }
  if (serializable) return serve_range(call, std::move(query));
  // Shared: std::function must be copyable, and the query should not be copied.
  auto shared = std::make_shared<store::RangeQuery>(std::move(query));
  context_.replica.read_barrier([this, call, shared](const Status& status) {
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
  if (Status refused = store.readable(query.revision); !refused.ok())
    return call->finish(to_grpc(refused));
  AnswerPtr answer(new store::Answer);
  answer->add_range(std::make_unique<store::RangeCursor>(store, std::move(query)));
  Delivery delivery{call, {}, std::move(answer), {}, http::kGrpcMessageMax};
  append_header(delivery.bytes, context_, store.revision());
  plan_and_send(std::move(delivery));
}

// --- answers
// -------------------------------------------------------------------------------------------------------

void KvService::on_reply(const http::CallPtr& call, store::Reply reply, std::string_view changed) {
  if (!reply.answer) return answer(call, context_, reply);
  Delivery delivery{call, {}, std::move(reply.answer), {}, kTxnAnswerBytesMax};
  append_header(delivery.bytes, context_, reply.revision);
  if (!changed.empty())
    delivery.applied = fmt::format("the {} was applied at revision {}", changed, reply.revision);
  plan_and_send(std::move(delivery));
}

void KvService::plan_and_send(Delivery delivery) {
  http::CallPtr call = delivery.call;
  const std::string applied = delivery.applied;
  if (context_.long_reads.add(std::make_unique<AnswerJob>(*this, std::move(delivery)))) return;
  Status refused = store::status::too_many_requests();
  if (!applied.empty())
    refused.text = fmt::format("polis: {}, but its answer is not sent: {}", applied, refused.text);
  call->finish(to_grpc(refused));
}

void KvService::send(Delivery& delivery) {
  Status refused = delivery.answer->status();
  const std::uint64_t bytes = delivery.bytes.size() + delivery.answer->body_bytes();
  if (refused.ok() && bytes > delivery.bytes_max)
    refused = answer_too_large(bytes, delivery.bytes_max);
  if (!refused.ok() && !delivery.applied.empty())
    refused.text =
        fmt::format("polis: {}, but its answer is not sent: {}", delivery.applied, refused.text);
  if (!refused.ok()) return delivery.call->finish(to_grpc(refused));
  if (bytes > store::kSmallAnswerBytes) {
    delivery.call->send_from(std::make_unique<AnswerSource>(*this, std::move(delivery.bytes),
                                                            std::move(delivery.answer)));
    return delivery.call->finish({});
  }
  while (delivery.answer->read(delivery.bytes, SIZE_MAX)) {
  }
  delivery.call->reply(delivery.bytes);
}

}  // namespace polis::etcd
