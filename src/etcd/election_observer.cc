#include "etcd/election_observer.hh"

#include "api/etcd/rpc.pb.h"
#include "api/etcd/v3election.pb.h"
#include "base/check.hh"
#include "etcd/queue_claim.hh"
#include "etcd/queue_requests.hh"

namespace polis::etcd {
namespace {

using etcdserverpb::RangeResponse;
using etcdserverpb::WatchCreateRequest;
using http::GrpcStatus;

constexpr Duration kAgainAfter = std::chrono::milliseconds(50);

}  // namespace

void ElectionObserver::begin(InnerCalls& inner, http::CallPtr call, const std::string& name,
                             std::size_t queue_bytes_max) {
  auto observer = std::make_shared<ElectionObserver>(inner, std::move(call), name, queue_bytes_max);
  http::ServerCall& opened = *observer->call_;
  opened.on_drained = [observer] {
    if (std::exchange(observer->waits_for_room_, false)) observer->look();
  };
  opened.on_close = [observer] {
    observer->call_ = nullptr;
    observer->watch_.reset();
    observer->timer_.reset();
  };
  observer->look();
}

ElectionObserver::ElectionObserver(InnerCalls& inner, http::CallPtr call, const std::string& name,
                                   std::size_t queue_bytes_max)
    : inner_(inner),
      call_(std::move(call)),
      prefix_(queue_prefix(name)),
      queue_bytes_max_(queue_bytes_max) {}

void ElectionObserver::look() {
  inner_.call<RangeResponse>(
      "/etcdserverpb.KV/Range", first_in(prefix_),
      [self = shared_from_this()](const GrpcStatus& status, const RangeResponse& response) {
        self->on_looked(status, response);
      });
}

void ElectionObserver::on_looked(const GrpcStatus& status, const RangeResponse& response) {
  if (!call_) return;
  if (status.code == static_cast<int>(http::GrpcCode::kUnavailable)) return look_later();
  if (!status.ok()) return call_->finish(as_unknown(status));
  if (response.kvs_size() == 0) return watch_queue(response.header().revision() + 1);
  const mvccpb::KeyValue& kv = response.kvs(0);
  if (kv.mod_revision() != told_) tell(response.header(), response.header().revision(), kv);
  if (call_ && !waits_for_room_) watch_office(kv.key(), response.header().revision() + 1);
}

// Nobody is in office: until somebody comes.
void ElectionObserver::watch_queue(std::int64_t from) {
  WatchCreateRequest create;
  create.set_key(first_in(prefix_).key());
  create.set_range_end(first_in(prefix_).range_end());
  create.set_start_revision(from);
  create.add_filters(WatchCreateRequest::NODELETE);
  watch_ = inner_.watch({create}, [weak = weak_from_this()](const auto& news) {
    if (const auto self = weak.lock()) self->on_news(news, false);
  });
}

void ElectionObserver::watch_office(const std::string& key, std::int64_t from) {
  WatchCreateRequest create;
  create.set_key(key);
  create.set_start_revision(from);
  watch_ = inner_.watch({create}, [weak = weak_from_this()](const auto& news) {
    if (const auto self = weak.lock()) self->on_news(news, true);
  });
}

void ElectionObserver::on_news(const etcdserverpb::WatchResponse& news, bool office) {
  if (!call_) return;
  if (news.canceled()) return look_later();
  for (const mvccpb::Event& event : news.events()) {
    if (event.type() == mvccpb::Event::DELETE) {
      watch_.reset();
      return look();
    }
    tell(news.header(), office ? news.header().revision() : event.kv().mod_revision(), event.kv());
    if (!call_ || waits_for_room_) return;
    if (!office) return watch_office(event.kv().key(), event.kv().mod_revision() + 1);
  }
}

void ElectionObserver::tell(const etcdserverpb::ResponseHeader& header, std::int64_t revision,
                            const mvccpb::KeyValue& kv) {
  v3electionpb::LeaderResponse response;
  *response.mutable_header() = header;
  response.mutable_header()->set_revision(revision);
  *response.mutable_kv() = kv;
  told_ = kv.mod_revision();
  call_->send(response.SerializeAsString());
  if (!call_ || call_->queued() < queue_bytes_max_) return;
  waits_for_room_ = true;
  watch_.reset();
}

void ElectionObserver::look_later() {
  watch_.reset();
  timer_ = inner_.loop().after(kAgainAfter, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && self->call_) self->look();
  });
}

}  // namespace polis::etcd
