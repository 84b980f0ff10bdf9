#include "cell/connection_limits.hh"

#include <fmt/format.h>

#include <algorithm>

namespace polis::cell {
namespace {

constexpr Duration kReportInterval = std::chrono::minutes(1);

}  // namespace

Result<std::uint64_t> client_connections_for(const io::DescriptorLimit& limit) {
  if (limit.in_effect < kDescriptorsReserved + kClientConnectionsMin) {
    return fail(ErrorCode::kInvalid,
                fmt::format("this process may have {} files and sockets open; a replica needs at "
                            "least {}, and {} to serve {} clients: raise `ulimit -n`, or "
                            "LimitNOFILE= of its systemd unit",
                            limit.in_effect, kDescriptorsReserved + kClientConnectionsMin,
                            kDescriptorsWanted, kClientConnectionsMax));
  }
  return std::min(limit.in_effect - kDescriptorsReserved, kClientConnectionsMax);
}

std::uint64_t RefusalReport::due(std::uint64_t refused, Instant now) {
  if (refused == reported_ || now < not_before_) return 0;
  not_before_ = now + kReportInterval;
  return refused - std::exchange(reported_, refused);
}

}  // namespace polis::cell
