#include "replica/shortage.hh"

#include <algorithm>

#include "replica/wire.hh"
#include "store/growth.hh"

namespace polis::replica {
namespace {

constexpr Duration kDiskCheckInterval = std::chrono::milliseconds(500);
// A replica that has too little says so this often; well below what the others remember it for.
constexpr Duration kTellInterval = std::chrono::milliseconds(500);

}  // namespace

Shortage::Shortage(const Options& options, Needs needs)
    : options_(options), needs_(std::move(needs)), space_(options.disk_free_min) {}

void Shortage::check_disk() {
  const Instant now = needs_.loop.now();
  if (!space_.scarce() && now - checked_ < kDiskCheckInterval) return;
  checked_ = now;
  auto free = needs_.disk.bytes_free(options_.directory);
  if (!free) return;
  std::uint64_t reusable = 0;
  if (*free < options_.disk_free_min) {
    const std::uint64_t on_disk = needs_.engine.bytes_on_disk();
    reusable = on_disk - std::min(on_disk, needs_.engine.bytes_in_use());
  }
  space_.on_measured(*free, reusable);
  needs_.situation.exhausted =
      space_.should_stand_still(configuration(), needs_.situation.own, now);
}

void Shortage::on_memory_measured(std::uint64_t used, std::uint64_t allowed) {
  memory_.on_measured(used, allowed);
}

void Shortage::tell() {
  const Instant now = needs_.loop.now();
  const std::pair shortage(space_.own(), memory_.own());
  const auto before = std::exchange(told_, shortage);
  const bool none = shortage == decltype(shortage)();
  if (before == shortage && (none || now - told_at_ < kTellInterval)) return;
  told_at_ = now;
  std::string message;
  Writer out(message);
  out.u8(static_cast<std::uint8_t>(WireKind::kShortage));
  out.u8(static_cast<std::uint8_t>(shortage.first));
  out.u8(shortage.second ? 1 : 0);
  for (ReplicaId member : configuration().everyone()) {
    if (member != needs_.situation.own) needs_.transport.send(member, message);
  }
  if (before.first != shortage.first && needs_.space_changed) needs_.space_changed(shortage.first);
}

void Shortage::on_told(ReplicaId from, Reader& in) {
  auto level = static_cast<DiskSpace::Level>(in.u8());
  const bool memory = in.u8() != 0;
  if (!in.ok() || level > DiskSpace::Level::kExhausted) return;
  space_.on_told(from, level, needs_.loop.now());
  memory_.on_told(from, memory, needs_.loop.now());
}

Status Shortage::admits(std::span<const store::Command> commands) const {
  if (disk_exhausted()) return store::status::no_space();
  const bool full = cell_is_full();
  if (!full && !cell_is_short_of_memory()) return {};
  if (std::ranges::none_of(commands, store::may_grow)) return {};
  return full ? store::status::no_space() : store::status::short_of_memory();
}

bool Shortage::cell_is_full() const {
  return space_.cell_is_full(configuration(), needs_.situation.own, needs_.loop.now());
}

bool Shortage::cell_is_short_of_memory() const {
  return memory_.cell_is_short(configuration(), needs_.situation.own, needs_.loop.now());
}

bool Shortage::has_room(ReplicaId member) const {
  return space_.has_room(member, needs_.situation.own, needs_.loop.now());
}

std::vector<ReplicaId> Shortage::full_members() const {
  return space_.full(needs_.situation.own, needs_.loop.now());
}

}  // namespace polis::replica
