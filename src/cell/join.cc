#include "cell/join.hh"

#include <fmt/format.h>

#include "api/polis/cell.pb.h"
#include "client/client.hh"
#include "io/reactor.hh"
#include "tls/network.hh"

namespace polis::cell {

Result<JoinAnswer> ask_who_takes_part(const std::string& endpoints,
                                      const tls::Credentials& credentials, Duration timeout) {
  auto parsed = client::parse_endpoints(
      endpoints, credentials.server() != nullptr ? io::NoScheme::kTls : io::NoScheme::kPlain);
  if (!parsed) return std::unexpected(parsed.error());
  io::Reactor reactor;
  tls::Network network(reactor, reactor.network(), &credentials);
  client::Client client(reactor, network, {.endpoints = *parsed});
  Result<JoinAnswer> result = fail(ErrorCode::kUnavailable, "no answer");
  client.call(
      "/polis.v1.Cell/Members", v1::MembersRequest().SerializeAsString(), timeout,
      [&](const http::GrpcStatus& status, std::string_view bytes) {
        reactor.stop();
        v1::MembersResponse response;
        if (!status.ok() ||
            !response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
          result = fail(ErrorCode::kUnavailable,
                        fmt::format("cannot ask {} who takes part: {}", endpoints, status.message));
          return;
        }
        JoinAnswer answer{
            response.cell_id(),
            response.cluster(),
            consensus::protocol_of(response.protocol()).value_or(consensus::Protocol::kRaft),
            {}};
        for (const v1::Member& member : response.members()) {
          consensus::ReplicaId id(member.id());
          auto& of = member.voter() ? answer.configuration.voters : answer.configuration.learners;
          of.push_back(id);
          answer.configuration.put(
              {.id = id, .name = member.name(), .peer = member.peer(), .client = member.client()});
        }
        result = std::move(answer);
      });
  reactor.run();
  return result;
}

}  // namespace polis::cell
