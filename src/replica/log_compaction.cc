#include "replica/log_compaction.hh"

#include <algorithm>

namespace polis::replica {
namespace {

// While a snapshot is being sent, the log may grow to so many times what is retained otherwise.
constexpr std::size_t kLogKeptForSnapshots = 64;

}  // namespace

std::optional<LogIndex> forgettable(const Options& options, const consensus::Status& log,
                                    LogIndex durable, std::optional<LogIndex> snapshot) {
  if (log.log_bytes <= options.log_retain_bytes || log.last < log.first) return std::nullopt;
  const double excess =
      1.0 - static_cast<double>(options.log_retain_bytes) / static_cast<double>(log.log_bytes);
  const auto entries = static_cast<double>(log.last - log.first + 1);
  LogIndex through = log.first + static_cast<std::uint64_t>(entries * excess);
  through = std::min(through, durable);
  const bool sending = std::ranges::any_of(log.peers, &consensus::PeerProgress::snapshotting);
  if (sending && snapshot &&
      log.log_bytes <=
          std::min(options.log_bytes_max, kLogKeptForSnapshots * options.log_retain_bytes))
    through = std::min(through, *snapshot);
  if (through < log.first) return std::nullopt;
  return through;
}

}  // namespace polis::replica
