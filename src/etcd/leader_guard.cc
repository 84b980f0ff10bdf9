#include "etcd/leader_guard.hh"

namespace polis::etcd {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(50);
constexpr std::size_t kPruneMin = 64;

}  // namespace

LeaderGuard::LeaderGuard(Context context, http::Server& server, io::Loop& loop, Duration patience)
    : context_(context),
      loop_(loop),
      patience_(patience),
      master_seen_(loop.now()),
      prune_at_(kPruneMin) {
  server.methods().add_interceptor(
      [this](const http::CallPtr& call,
             const http::Metadata& metadata) -> std::optional<http::GrpcStatus> {
        if (http::find_field(metadata, "hasleader") != "true") return std::nullopt;
        if (without_master()) return to_grpc(store::status::no_leader());
        watch_over(call);
        return std::nullopt;
      });
  tick();
}

bool LeaderGuard::without_master() const {
  return context_.replica.status_role().master == consensus::kNoReplica &&
         loop_.now() - master_seen_ > patience_;
}

void LeaderGuard::watch_over(const http::CallPtr& call) {
  if (calls_.size() >= prune_at_) {
    std::erase_if(calls_, [](const auto& weak) {
      const auto one = weak.lock();
      return !one || !one->open();
    });
    prune_at_ = std::max(kPruneMin, 2 * calls_.size());
  }
  calls_.push_back(call);
}

void LeaderGuard::tick() {
  if (context_.replica.status_role().master != consensus::kNoReplica) master_seen_ = loop_.now();
  if (without_master()) {
    for (const auto& weak : std::exchange(calls_, {})) {
      if (auto call = weak.lock()) call->finish(to_grpc(store::status::no_leader()));
    }
  }
  timer_ = loop_.after(kTick, [this] {
    auto keep = std::move(timer_);
    tick();
  });
}

}  // namespace polis::etcd
