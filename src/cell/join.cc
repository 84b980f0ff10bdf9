#include "cell/join.hh"

#include <fmt/format.h>

#include <algorithm>

#include "api/polis/cell.pb.h"
#include "client/client.hh"
#include "io/reactor.hh"
#include "tls/network.hh"

namespace polis::cell {
namespace {

// How the two sides of the question know each other, for who has to find out why they do not.
std::string hint(const tls::Files& files) {
  return fmt::format(
      ". This replica comes as a client there: it {}, and believes {}",
      files.certificate.empty()
          ? std::string("shows no certificate ('cert-file')")
          : fmt::format("shows {}, which 'trusted-ca-file' and 'client-cert-allowed-cn' of the "
                        "replica that is asked have to allow",
                        files.certificate),
      files.trusted.empty() ? "the authorities of the system alone ('trusted-ca-file' names others)"
                            : fmt::format("the authorities in {}", files.trusted));
}

}  // namespace

Result<JoinAnswer> ask_who_takes_part(const Settings& settings, Duration timeout) {
  const std::string& endpoints = settings.join;
  const tls::Files& files = settings.clients_tls.files;
  // As on the command line: who names authorities means TLS.
  const bool tls = settings.clients_tls.given() || !files.trusted.empty();
  auto parsed = client::parse_endpoints(endpoints, tls ? io::NoScheme::kTls : io::NoScheme::kPlain);
  if (!parsed) return std::unexpected(parsed.error());
  const bool encrypted = std::ranges::any_of(*parsed, &io::Address::tls);
  // The rules for clients say nothing of servers.
  auto credentials = tls::Credentials::load(files, {});
  if (!credentials) return std::unexpected(credentials.error());
  io::Reactor reactor;
  tls::Network network(reactor, reactor.network(), credentials->get());
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
                        fmt::format("cannot ask {} who takes part: {}{}", endpoints, status.message,
                                    encrypted ? hint(files) : ""));
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
