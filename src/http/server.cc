#include "http/server.hh"

#include "base/check.hh"
#include "http/date.hh"
#include "http/server_impl.hh"

namespace polis::http {
namespace {

constexpr Duration kTickInterval = std::chrono::milliseconds(50);
constexpr int kTicksPerCheck = 20;

}  // namespace

Server::Server(io::Loop& loop, io::Network& network, ServerOptions options)
    : impl_(std::make_unique<Impl>(loop, network, std::move(options))) {
  impl_->tick();
}

Server::~Server() {
  impl_->listeners.clear();
  auto connections = std::move(impl_->connections);
  connections.clear();
  impl_->closed.clear();
}

Server::Impl::Impl(io::Loop& l, io::Network& n, ServerOptions o)
    : loop(l),
      network(n),
      options(std::move(o)),
      calls{.loop = loop,
            .queue_bytes_max = options.call_queue_bytes,
            .held = HeldRequests(options.request_bytes_max),
            .deadlines = {},
            .traffic = {},
            .on_slow = {},
            .moment = loop.now()},
      grpc(calls, options.message_bytes_max) {
  router.set_date(date);
  router.set_grpc([this](const ExchangePtr& exchange, const Request& request) {
    grpc.begin(exchange, request);
  });
}

MethodTable& Server::methods() { return impl_->grpc.methods(); }
Router& Server::router() { return impl_->router; }
CallsShared& Server::calls() { return impl_->calls; }
void Server::add_unary(const std::string& path, UnaryHandler handler) {
  methods().add_unary(path, std::move(handler));
}
void Server::add_stream(const std::string& path, StreamHandler handler, Streams streams) {
  methods().add_stream(path, std::move(handler), streams);
}

void Server::add_page(const std::string& path, HttpHandler handler) {
  Handler page = [handler = std::move(handler)](const ExchangePtr& exchange,
                                                const Request& request) {
    if (refused_unless_read(*exchange, request)) return;
    handler(request.target, [exchange](const HttpResponse& response) {
      respond_with_page(
          *exchange, response.status,
          response.content_type.empty() ? "text/plain; charset=utf-8" : response.content_type,
          response.body);
    });
  };
  path.ends_with('/') ? router().add_prefix(path, std::move(page))
                      : router().add(path, std::move(page));
}

Result<void> Server::listen(const io::Address& address) {
  auto listener = impl_->network.listen(
      address, [this](std::unique_ptr<io::Stream> stream) { impl_->accept(std::move(stream)); });
  if (!listener) return std::unexpected(listener.error());
  impl_->listeners.push_back(std::move(*listener));
  return {};
}

std::uint16_t Server::port() const {
  return impl_->listeners.empty() ? 0 : impl_->listeners.front()->port();
}

void Server::Impl::accept(std::unique_ptr<io::Stream> stream) {
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
  loop.post([] {});  // a turn's end comes, and with it the burial
}

void Server::Impl::tick() {
  Instant now = loop.now();
  calls.deadlines.expire(now);
  if (options.wall_clock) {
    const std::int64_t second = options.wall_clock() / 1'000'000'000;
    if (std::exchange(date_second, second) != second) date = http_date(second);
  }
  std::vector<Connection*> all;
  all.reserve(connections.size());
  for (auto& [id, connection] : connections) all.push_back(connection.get());
  const bool check = ++ticks % kTicksPerCheck == 0;
  for (Connection* connection : all) {  // those that are removed live until the turn's end
    if (check) connection->check(now);
  }
  timer = loop.after(kTickInterval, [this] {
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
  impl_->grpc.drain();
  impl_->listeners.clear();
  for (auto& [id, connection] : impl_->connections) connection->goaway();
}

bool Server::stopped() const { return impl_->draining && impl_->connections.empty(); }
const ServerCounters& Server::counters() const { return impl_->counters; }

}  // namespace polis::http
