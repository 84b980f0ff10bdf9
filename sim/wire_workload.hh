#pragma once

// Clients for the profile `wire`: they read and write keys, hold leases and locks, and watch,
// through the real client library. What they see is written into the history. What may never be
// seen on a stream throws a Violation at once.
//
// Threads: one. Life of each: construct -> start -> stop -> destroy, before the network. The
// history must outlive them.

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sim/checkers.hh"
#include "sim/wire_client.hh"

namespace polis::sim {

// A client that reads, writes, compares and deletes a few keys, one operation at a time.
class WireKeys {
 public:
  struct Options {
    std::size_t number = 0;
    std::size_t keys = 4;
    Duration think_max = std::chrono::milliseconds(60);
    Duration timeout = std::chrono::seconds(3);
    std::size_t value_bytes_max = 20'000;  // of one value in twenty; the others are small
    bool compactions = false;
  };
  WireKeys(StreamNetwork& network, std::vector<io::Address> endpoints, History& history,
           Options options);
  void start() { next(); }
  void stop() { stopping_ = true; }
  // Makes one write beside the client's operations.
  void put(const std::string& key, const std::string& value, std::function<void(Outcome)> done);
  WireClient& process() { return process_; }

 private:
  void next();
  void run(std::size_t index);
  void compact();
  void end(std::size_t index, Outcome outcome, std::int64_t revision);
  void put(std::size_t index);
  void get(std::size_t index);
  void get_all(std::size_t index);
  void get_all_in_pieces(std::size_t index);
  void take_all(std::size_t index, const etcdserverpb::RangeResponse& response);
  void erase(std::size_t index);
  void compare_and_set(std::size_t index);

  World& world_;
  Random random_;
  History& history_;
  Options options_;
  WireClient process_;
  std::map<std::string, std::int64_t> last_revision_;  // of each key, as this client saw it
  std::unique_ptr<http::ClientCall> stream_;           // of the newest read in pieces
  std::uint64_t next_value_ = 0;
  bool stopping_ = false;
};

// A client that gets a lease, hangs a key and a lock on it, and keeps it alive. It sends all
// renewals on one stream; or (half_closes) each renewal on a stream of its own, whose sending side
// it closes behind the request, as JSON gateways do.
class WireLeases {
 public:
  struct Options {
    std::size_t number = 0;
    std::size_t locks = 1;
    std::int64_t ttl_max = 5;  // seconds
    bool half_closes = false;
  };
  WireLeases(StreamNetwork& network, std::vector<io::Address> endpoints, History& history,
             Options options);
  void start() { rest(); }
  void stop() { stopping_ = true; }
  WireClient& process() { return process_; }
  std::uint64_t renewals() const { return renewals_; }

 private:
  // A stream and the renewals that were asked for on it.
  struct Stream {
    std::unique_ptr<http::ClientCall> call;
    io::Address endpoint;       // at which it was opened
    std::deque<Instant> asked;  // when each renewal without an answer was sent
    bool half_closed = false;
  };

  bool is_at(std::uint64_t step) const { return !stopping_ && step_ == step; }
  void rest();
  void grant();
  void on_lease(std::int64_t id, Instant sent, Duration ttl);
  void keep_alive(std::uint64_t step);
  void renew();
  std::shared_ptr<Stream> open();
  void on_answer(const std::shared_ptr<Stream>& stream, std::string_view bytes);
  void write(Operation operation);
  void let_go();

  World& world_;
  Random random_;
  History& history_;
  Options options_;
  WireClient process_;
  // Shared with the callbacks of the stream's call.
  std::shared_ptr<Stream> stream_;
  std::int64_t lease_ = 0, next_lease_;
  Duration ttl_{};
  Instant lets_go_{};
  std::uint64_t step_ = 0, next_value_ = 0, renewals_ = 0;
  bool stopping_ = false;
};

// A client that watches all keys. When its stream ends, it opens another one and goes on behind the
// last change that it saw. It must see every change once, in order; else it throws a Violation.
class WireWatch {
 public:
  struct Options {
    std::size_t number = 0;
    bool half_closes = false;  // it closes its sending side behind the request; the watch goes on
  };
  WireWatch(StreamNetwork& network, std::vector<io::Address> endpoints, History& history,
            Options options);
  void start() { open(); }
  // The client gives its stream up and opens another one, at the next endpoint.
  void move_on();
  std::uint64_t seen() const { return next_ - 1; }
  std::uint64_t streams() const { return streams_; }  // ever opened
  WireClient& process() { return process_; }

 private:
  void open();
  void on_response(const etcdserverpb::WatchResponse& response);
  void on_events(const etcdserverpb::WatchResponse& response);

  World& world_;
  History& history_;
  Options options_;
  WireClient process_;
  std::unique_ptr<http::ClientCall> call_;
  io::Address endpoint_;        // at which call_ was opened
  std::uint64_t next_ = 2;      // the first revision that was not seen yet
  std::uint64_t promised_ = 0;  // a replica said that it has sent everything through this revision
  std::uint64_t streams_ = 0;
};

}  // namespace polis::sim
