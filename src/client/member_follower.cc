#include "client/member_follower.hh"

#include "client/wire.hh"

namespace polis::client {

MemberFollower::MemberFollower(Client& client, io::Loop& loop, FollowOptions options)
    : client_(client), loop_(loop), options_(options), calls_(client, loop) {
  client_.on_move([this] { ask_in(options_.after_move); });
  ask_in(Duration::zero());
}

MemberFollower::~MemberFollower() { client_.on_move(nullptr); }

void MemberFollower::ask_in(Duration delay) {
  const Instant at = loop_.now() + delay;
  // One that is awaited has its own after it.
  if (asking_ || at >= next_) return;
  next_ = at;
  timer_ = loop_.after(delay, [this] { ask(); });
}

void MemberFollower::ask() {
  auto keep = std::move(timer_);
  next_ = Instant::max();
  asking_ = true;
  calls_.call("/etcdserverpb.Cluster/MemberList", wire::encode_members_request(), options_.timeout,
              Repeat::kRead, [this](const Outcome<std::string>& answer) { on_answer(answer); });
}

void MemberFollower::on_answer(const Outcome<std::string>& answer) {
  asking_ = false;
  if (!answer.done()) return ask_in(options_.after_move);
  std::vector<io::Address> addresses;
  for (const std::string& url :
       wire::decode_member_urls(answer.value()).value_or(std::vector<std::string>())) {
    // One that this release cannot read, such as another scheme, is passed over.
    if (auto address = io::parse_address(url)) addresses.push_back(std::move(*address));
  }
  if (!addresses.empty()) client_.use_members(addresses);
  ask_in(options_.interval);
}

}  // namespace polis::client
