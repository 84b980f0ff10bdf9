#include "http/server.hh"

#include "base/check.hh"
#include "http/server_connection.hh"

namespace polis::http {
namespace {

constexpr Duration kTickInterval = std::chrono::milliseconds(50);
constexpr int kTicksPerCheck = 20;

}  // namespace

Server::Server(io::Reactor& reactor, ServerOptions options)
    : impl_(std::make_unique<Impl>(reactor, std::move(options))) {
  impl_->tick();
}

Server::~Server() {
  impl_->listeners.clear();
  auto connections = std::move(impl_->connections);
  connections.clear();
  impl_->closed.clear();
}

void Server::add_unary(const std::string& path, UnaryHandler handler) {
  impl_->methods[path].unary = std::move(handler);
}
void Server::add_stream(const std::string& path, StreamHandler handler) {
  impl_->methods[path].stream = std::move(handler);
}
void Server::set_http(HttpHandler handler) { impl_->http = std::move(handler); }

Result<void> Server::listen(const io::Address& address) {
  auto listener = io::listen_tcp(
      impl_->reactor, address,
      [this](std::unique_ptr<io::TcpStream> stream) { impl_->accept(std::move(stream)); });
  if (!listener) return std::unexpected(listener.error());
  impl_->listeners.push_back(std::move(*listener));
  return {};
}

std::uint16_t Server::port() const {
  return impl_->listeners.empty() ? 0 : impl_->listeners.front()->port();
}

void Server::Impl::accept(std::unique_ptr<io::TcpStream> stream) {
  if (draining || connections.size() >= options.connections_max) {
    ++counters.connections_refused;
    return;  // closes it
  }
  ++counters.connections_accepted;
  std::uint64_t id = next_connection++;
  auto& connection = connections[id] = std::make_unique<Connection>(*this, id, std::move(stream));
  counters.connections_open = connections.size();
  connection->start();
}

void Server::Impl::remove(std::uint64_t id) {
  auto found = connections.find(id);
  if (found == connections.end()) return;
  closed.push_back(std::move(found->second));
  connections.erase(found);
  counters.connections_open = connections.size();
  reactor.post([] {});  // a turn's end comes, and with it the burial
}

void Server::Impl::tick() {
  Instant now = reactor.now();
  std::vector<Connection*> all;
  all.reserve(connections.size());
  for (auto& [id, connection] : connections) all.push_back(connection.get());
  const bool check = ++ticks % kTicksPerCheck == 0;
  for (Connection* connection : all) {  // those that are removed live until the turn's end
    connection->check_deadlines(now);
    if (check) connection->check(now);
  }
  timer = reactor.after(kTickInterval, [this] {
    auto keep = std::move(timer);
    tick();
  });
}

void Server::turn_end() {
  // Flushing can make others dirty (an answer that waited for room): they have their turn now, too.
  while (!impl_->dirty.empty()) {
    std::vector<std::uint64_t> dirty;
    dirty.swap(impl_->dirty);
    for (std::uint64_t id : dirty) {
      auto found = impl_->connections.find(id);
      if (found != impl_->connections.end()) found->second->flush();
    }
  }
  impl_->closed.clear();
}

void Server::drain_and_stop() {
  impl_->draining = true;
  impl_->listeners.clear();
  for (auto& [id, connection] : impl_->connections) connection->goaway();
}

bool Server::stopped() const { return impl_->draining && impl_->connections.empty(); }
const ServerCounters& Server::counters() const { return impl_->counters; }

}  // namespace polis::http
