#include "sim/forwarder.hh"

#include <array>

#include "base/check.hh"

namespace polis::sim {

// Side 0 is the client, side 1 the backend.
struct Forwarder::Pair {
  std::uint64_t number = 0;
  std::array<std::unique_ptr<io::Stream>, 2> streams;
  std::array<std::string, 2> waiting;  // to be written there
  std::unique_ptr<io::Connecting> connecting;
  bool broken = false;  // bytes were dropped
  bool over = false;
};

namespace {

constexpr Duration kConnectTimeout = std::chrono::seconds(5);

}  // namespace

Forwarder::Forwarder(StreamNetwork& network, const std::string& name, std::uint16_t port,
                     io::Address backend)
    : machine_(network.world(), 0),
      host_(network.add_host(machine_, name)),
      address_{name, port, ""},
      backend_(std::move(backend)) {
  auto listener =
      host_->listen({"", port, ""}, [this](std::unique_ptr<io::Stream> s) { take(std::move(s)); });
  CHECK(listener.has_value());
  listener_ = std::move(*listener);
}

Forwarder::~Forwarder() = default;

void Forwarder::take(std::unique_ptr<io::Stream> stream) {
  const std::uint64_t number = next_++;
  if (mode_ == Mode::kCloses) return;
  auto& pair = pairs_[number] = std::make_unique<Pair>();
  pair->number = number;
  pair->streams[0] = std::move(stream);
  pair->streams[0]->start({[this, &p = *pair](std::string_view bytes) { forward(p, 0, bytes); },
                           [this, number](const std::string&) { end(number); },
                           [this, &p = *pair] { flush(p, 0); }});
  if (mode_ == Mode::kLeadsNowhere) return;
  pair->connecting = host_->connect(backend_, kConnectTimeout, [this, &p = *pair](auto connected) {
    if (!connected) return end(p.number);
    p.streams[1] = std::move(*connected);
    p.streams[1]->start({[this, &p](std::string_view bytes) { forward(p, 1, bytes); },
                         [this, number = p.number](const std::string&) { end(number); },
                         [this, &p] { flush(p, 1); }});
    flush(p, 1);
  });
}

void Forwarder::forward(Pair& pair, std::size_t from, std::string_view bytes) {
  if (mode_ != Mode::kForwards) pair.broken = true;
  if (pair.broken) return;
  pair.waiting[1 - from] += bytes;
  flush(pair, 1 - from);
}

// Who cannot write stops reading on the other side.
void Forwarder::flush(Pair& pair, std::size_t to) {
  if (pair.over || !pair.streams[to]) return;
  std::string& waiting = pair.waiting[to];
  if (!waiting.empty()) waiting.erase(0, pair.streams[to]->write(waiting));
  io::Stream* source = pair.streams[1 - to].get();
  if (source == nullptr) return;
  waiting.empty() ? source->resume_reading() : source->pause_reading();
}

void Forwarder::end(std::uint64_t number) {
  auto found = pairs_.find(number);
  if (found == pairs_.end() || std::exchange(found->second->over, true)) return;
  machine_.post([this, number] { pairs_.erase(number); });  // it may be the caller
}

}  // namespace polis::sim
