#include "cell/membership.hh"

#include "host/log.hh"

namespace polis::cell {
namespace {

// Between looking whether the cell knows where this replica is, when it could not be told at once.
constexpr Duration kPublishInterval = std::chrono::seconds(1);

}  // namespace

void Membership::on_configuration(const Configuration& configuration) {
  configuration_ = configuration;
  std::vector<peers::Peer> peers;
  for (const consensus::Member& member :
       configuration.everyone().empty() ? met_.members : configuration.members) {
    auto address = io::parse_address(member.peer);
    if (address) {
      peers.push_back({member.id, member.name, *address});
    } else {
      host::log_error("member {} has an address that cannot be used: {}", member.name,
                      address.error().text);
    }
  }
  links_.set_peers(peers);
  maybe_publish();
}

// The name and the client address, if the members' list has others.
void Membership::maybe_publish() {
  const consensus::Member* own = configuration_.find(settings_.id);
  if (replica_ == nullptr || own == nullptr || publishing_ || publish_timer_) return;
  if (own->name == settings_.name && own->client == settings_.client_text) return;
  if (replica_->status_role().master == consensus::kNoReplica) return;
  publishing_ = true;
  const replica::MemberChange wanted{.kind = replica::MemberChange::Kind::kUpdate,
                                     .id = settings_.id,
                                     .name = settings_.name,
                                     .client = settings_.client_text};
  // Not here: this may be the middle of the replica's turn.
  loop_.post([this, wanted] {
    replica_->change_members(wanted, [this](const replica::ChangeOutcome& outcome) {
      publishing_ = false;
      if (outcome.status.ok()) return maybe_publish();
      publish_timer_ = loop_.after(kPublishInterval, [this] {
        publish_timer_.reset();
        maybe_publish();
      });
    });
  });
}

}  // namespace polis::cell
