#include "sim/network.hh"

namespace polis::sim {

Duration Network::delay() {
  auto low = static_cast<std::uint64_t>(faults_.delay_min.count()),
       high = static_cast<std::uint64_t>(faults_.delay_max.count());
  Duration d(static_cast<std::int64_t>(random_.between(low, high)));
  if (random_.chance(faults_.late))
    d += Duration(static_cast<std::int64_t>(
        random_.below(static_cast<std::uint64_t>(faults_.late_by.count()))));
  return d;
}

void Network::send(std::size_t from, std::size_t to, const std::string& message) {
  ++sent_;
  sent_bytes_ += message.size();
  int copies = 1 + random_.chance(faults_.repeat);
  for (int i = 0; i < copies; ++i) {
    if (random_.chance(faults_.loss)) continue;
    Duration more = slow_ ? slow_(message) : Duration();
    if (distance_) more += distance_(from, to);
    world_.after(delay() + more, [this, from, to, copy = message]() mutable {
      if (reaches(from, to)) deliver_(from, to, std::move(copy));
    });
  }
}

}  // namespace polis::sim
