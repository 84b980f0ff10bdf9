// A load generator for anything that speaks the etcd API: Polis and etcd alike.
//
// Closed loop: each client sends its next request when the last one is answered. Open loop
// (--rate): requests are due at fixed times and their latency counts from when they were due, so a
// server that stalls cannot hide it (coordinated omission). Clients share connections; both numbers
// are chosen apart. The server's CPU comes from the kernel's own counters (schedstat), over all its
// threads.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "api/etcd/rpc.pb.h"
#include "base/random.hh"
#include "bench/histogram.hh"
#include "client/client.hh"
#include "io/reactor.hh"
#include "tls/network.hh"

namespace polis::bench {
namespace {

struct Options {
  std::string endpoints = "127.0.0.1:2379";
  std::string operation = "put";
  std::uint64_t clients = 1, connections = 1;
  double seconds = 5, warmup = 1, rate = 0;
  std::uint64_t operations = 0;  // stop after so many instead
  std::uint64_t keys = 100'000, value_bytes = 256;
  bool sequential = false;
  std::vector<int> pids;
  std::string cacert, cert, key;
};

// CPU of all threads of the processes, nanoseconds.
std::uint64_t cpu_of(const std::vector<int>& pids) {
  std::uint64_t sum = 0;
  for (int pid : pids) {
    std::error_code error;
    for (auto& task :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
      std::ifstream in(task.path() / "schedstat");
      std::uint64_t ran = 0;
      in >> ran;
      sum += ran;
    }
  }
  return sum;
}

int own_pid() {
  return static_cast<int>(std::filesystem::read_symlink("/proc/self").string().empty()
                              ? 0
                              : std::stoi(std::filesystem::read_symlink("/proc/self").string()));
}

std::unique_ptr<tls::Credentials> credentials_of(const Options& options) {
  auto loaded = tls::Credentials::load({options.cert, options.key, options.cacert, ""}, {});
  if (!loaded) throw std::runtime_error(loaded.error().text);
  return std::move(*loaded);
}

class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)),
        credentials_(options_.cacert.empty() ? nullptr : credentials_of(options_)),
        value_(options_.value_bytes, 'v'),
        random_(42) {
    auto endpoints = client::parse_endpoints(
        options_.endpoints, credentials_ ? io::NoScheme::kTls : io::NoScheme::kPlain);
    if (!endpoints) throw std::runtime_error(endpoints.error().text);
    endpoints_ = *endpoints;
    for (std::uint64_t i = 0; i < options_.connections; ++i) {
      connections_.push_back(std::make_unique<http::ClientConnection>(
          reactor_, network_, endpoints_[i % endpoints_.size()]));
    }
    reactor_.at_turn_end([this] { lost_.clear(); });
  }

  int run() {
    start_ = reactor_.now();
    measured_from_ = start_ + seconds(options_.operations != 0 ? 0 : options_.warmup);
    end_ = measured_from_ + seconds(options_.operations != 0 ? 1e9 : options_.seconds);
    if (options_.operations == 0) {
      begin_timer_ = reactor_.after(measured_from_ - start_, [this] { begin(); });
      end_timer_ = reactor_.after(end_ - start_, [this] { stop(); });
    } else {
      begin();
    }
    if (options_.rate > 0) {
      due_ = start_;
      pace();
    } else {
      for (std::uint64_t i = 0; i < options_.clients; ++i) send(i, reactor_.now());
    }
    reactor_.run();
    report();
    return failed_ > 0 && done_ == 0 ? 1 : 0;
  }

 private:
  static Duration seconds(double s) { return Duration(static_cast<std::int64_t>(s * 1e9)); }

  void begin() {
    counting_ = true;
    began_ = success_ = reactor_.now();
    server_cpu_ = cpu_of(options_.pids);
    own_cpu_ = cpu_of({own_pid()});
  }
  void stop() {
    if (stopped_) return;
    stopped_ = true;
    counting_ = false;
    elapsed_ = reactor_.now() - began_;
    silence_max_ = std::max(silence_max_, reactor_.now() - success_);
    server_cpu_ = cpu_of(options_.pids) - server_cpu_;
    own_cpu_ = cpu_of({own_pid()}) - own_cpu_;
    reactor_.stop();
  }

  // Open loop: everything that is due by now.
  void pace() {
    if (stopped_) return;
    Instant now = reactor_.now();
    auto gap = seconds(1.0 / options_.rate);
    for (; due_ <= now; due_ += gap) {
      if (under_way_ >= options_.clients) {
        waiting_.push_back(due_);
      } else {
        send(next_client_++ % options_.clients, due_);
      }
    }
    pace_timer_ =
        reactor_.after(std::max<Duration>(due_ - now, std::chrono::microseconds(100)), [this] {
          auto keep = std::move(pace_timer_);
          pace();
        });
  }

  // A connection that was lost is made anew to the next endpoint.
  http::ClientConnection& live_connection(std::size_t place) {
    if (connections_[place]->failed()) {
      lost_.push_back(std::move(connections_[place]));  // it may be the caller
      connections_[place] = std::make_unique<http::ClientConnection>(
          reactor_, network_, endpoints_[++next_endpoint_ % endpoints_.size()]);
    }
    return *connections_[place];
  }

  std::string key() {
    std::uint64_t n =
        options_.sequential ? next_key_++ % options_.keys : random_.below(options_.keys);
    return fmt::format("{:08x}", n);
  }

  const std::string& request(std::string_view& path) {
    if (options_.operation == "put") {
      path = "/etcdserverpb.KV/Put";
      put_.set_key(key());
      put_.set_value(value_);
      put_.SerializeToString(&bytes_);
    } else {
      path = "/etcdserverpb.KV/Range";
      range_.set_key(key());
      range_.set_serializable(options_.operation == "serializable-get");
      range_.SerializeToString(&bytes_);
    }
    return bytes_;
  }

  void send(std::uint64_t client, Instant due) {
    if (stopped_) return;
    if (options_.operations != 0 && sent_ >= options_.operations) return;
    ++sent_;
    ++under_way_;
    std::string_view path;
    const std::string& bytes = request(path);
    auto& connection = live_connection(client % connections_.size());
    connection.unary(
        path, bytes, Duration::zero(),
        [this, client, due](const http::GrpcStatus& status, std::string_view) {
          --under_way_;
          Instant now = reactor_.now();
          if (counting_) {
            if (status.ok()) {
              ++done_;
              silence_max_ = std::max(silence_max_, now - success_);
              success_ = now;
              latencies_.add(static_cast<std::uint64_t>((now - due).count()));
            } else {
              if (failed_++ == 0) first_failure_ = status.message;
            }
          }
          if (options_.operations != 0 && under_way_ == 0 && sent_ >= options_.operations)
            return stop();
          if (options_.rate > 0) {
            if (waiting_.empty()) return;
            Instant next = waiting_.front();
            waiting_.pop_front();
            return send(client, next);
          }
          if (!status.ok()) {
            // Not in a tight circle while nobody answers.
            retries_.push_back(reactor_.after(std::chrono::milliseconds(20),
                                              [this, client] { send(client, reactor_.now()); }));
            return;
          }
          send(client, now);
        });
  }

  void report() {
    double s = std::chrono::duration<double>(elapsed_).count();
    auto us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1000.0; };
    double n = static_cast<double>(std::max<std::uint64_t>(done_, 1));
    fmt::print(
        "{{\"operation\": \"{}\", \"clients\": {}, \"connections\": {}, \"seconds\": {:.3f}, "
        "\"operations\": {}, \"failed\": {}, "
        "\"per_second\": {:.0f}, \"p50_us\": {:.0f}, \"p90_us\": {:.0f}, \"p99_us\": {:.0f}, "
        "\"p999_us\": {:.0f}, \"max_us\": {:.0f}, \"silence_max_us\": {:.0f}, "
        "\"server_cpu_us\": {:.2f}, \"generator_cpu_us\": {:.2f}}}\n",
        options_.operation, options_.clients, options_.connections, s, done_, failed_,
        static_cast<double>(done_) / s, us(latencies_.quantile(0.5)), us(latencies_.quantile(0.9)),
        us(latencies_.quantile(0.99)), us(latencies_.quantile(0.999)), us(latencies_.max()),
        us(static_cast<std::uint64_t>(silence_max_.count())), us(server_cpu_) / n,
        us(own_cpu_) / n);
    if (failed_ > 0)
      fmt::print(stderr, "load: {} requests failed; the first: {}\n", failed_, first_failure_);
  }

  Options options_;
  std::unique_ptr<tls::Credentials> credentials_;
  io::Reactor reactor_;
  tls::Network network_{reactor_, reactor_.network(), credentials_.get()};
  std::vector<io::Address> endpoints_;
  std::vector<std::unique_ptr<http::ClientConnection>> connections_, lost_;
  std::size_t next_endpoint_ = 0;
  Instant success_;         // the newest one
  Duration silence_max_{};  // the longest time between two
  std::string value_, bytes_;
  etcdserverpb::PutRequest put_;
  etcdserverpb::RangeRequest range_;
  Random random_;
  Instant start_, measured_from_, end_, began_, due_;
  Duration elapsed_{};
  std::unique_ptr<io::Timer> begin_timer_, end_timer_, pace_timer_;
  std::deque<Instant> waiting_;
  std::deque<std::unique_ptr<io::Timer>> retries_;
  Histogram latencies_;
  std::uint64_t sent_ = 0, done_ = 0, failed_ = 0, under_way_ = 0, next_key_ = 0, next_client_ = 0;
  std::uint64_t server_cpu_ = 0, own_cpu_ = 0;
  bool counting_ = false, stopped_ = false;
  std::string first_failure_;
};

}  // namespace
}  // namespace polis::bench

int main(int argc, char** argv) {
  polis::bench::Options options;
  CLI::App app{"Load on a server of the etcd API; prints one line of JSON"};
  app.add_option("--endpoints", options.endpoints,
                 "HOST:PORT,...; connections are spread over them");
  app.add_option("--cacert", options.cacert, "PEM; with it, the connections speak TLS");
  app.add_option("--cert", options.cert, "own certificate, PEM");
  app.add_option("--key", options.key, "its key");
  app.add_option("--operation", options.operation)
      ->check(CLI::IsMember({"put", "get", "serializable-get"}));
  app.add_option("--clients", options.clients, "requests under way at a time")
      ->check(CLI::PositiveNumber);
  app.add_option("--connections", options.connections)->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "measured");
  app.add_option("--warmup", options.warmup, "seconds before that");
  app.add_option("--rate", options.rate, "open loop: requests per second");
  app.add_option("--operations", options.operations, "so many requests instead of a time");
  app.add_option("--keys", options.keys, "different keys");
  app.add_option("--value-bytes", options.value_bytes);
  app.add_flag("--sequential", options.sequential, "keys in order instead of at random");
  app.add_option("--pid", options.pids, "server processes whose CPU counts");
  CLI11_PARSE(app, argc, argv);
  return polis::bench::Load(options).run();
}
