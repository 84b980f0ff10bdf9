#pragma once

// One encrypted stream over another stream. Only tls/network.cc makes them.
//
// Threads: the loop's.

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "io/loop.hh"
#include "io/network.hh"
#include "tls/credentials.hh"
#include "tls/openssl.hh"

namespace polis::tls {

// How long the last bytes of a stream whose owner is gone may take.
inline constexpr Duration kLingerMax = std::chrono::seconds(10);

class Core;
struct Lingering {
  std::set<std::shared_ptr<Core>> cores;
};

// Both ends of the encryption, shared between the stream that the owner has and, after it is gone,
// those that linger.
class Core final : public std::enable_shared_from_this<Core> {
 public:
  // Once: `failure` is empty when the handshake is done; else the core is of no more use. Called
  // from a callback of the stream below.
  struct Handshake {
    std::string failure;
    bool resumed = false;
  };
  using Shaken = std::function<void(const Handshake&)>;

  Core(io::Loop& loop, std::unique_ptr<io::Stream> below, Connection ssl, const Rules& rules,
       std::weak_ptr<Lingering> lingering, Shaken shaken);

  // Begins to read from below, and as a client to speak.
  void shake();
  // As of io::Stream. Shakes hands first, if that was not begun.
  void start(io::Stream::Handlers handlers);
  std::size_t write(std::string_view bytes);
  std::size_t unacknowledged();
  void pause_reading();
  void resume_reading();
  void give_up_unacknowledged_after(Duration limit);
  const std::string& peer() const { return peer_; }
  std::optional<bool> certified_for(const std::string& host) const;
  // The owner is gone.
  void shut();

 private:
  enum class State { kShaking, kOpen, kClosed };

  static const BIO_METHOD* bio_method();
  static int bio_write(BIO* bio, const char* bytes, int length);
  static int bio_read(BIO* bio, char* bytes, int length);
  static long bio_control(BIO* bio, int command, long number, void* pointer);

  void on_bytes(std::string_view bytes);
  void on_below_closed(const std::string& reason);
  void on_below_writable();
  void advance();
  bool shake_on();  // true: the handshake is done
  static int on_verified(int verified, X509_STORE_CTX* chain);
  std::string what_is_wrong_with(X509* peer) const;
  std::string why_it_failed() const;
  void deliver();
  bool flush();  // true: nothing is left
  void finish_shaking(const std::string& failure);
  void close(const std::string& reason);
  void close_later(std::string reason);
  void stop_lingering();

  io::Loop& loop_;
  std::unique_ptr<io::Stream> below_;  // until this is closed
  const std::string peer_;
  Connection ssl_;
  Rules rules_;
  std::weak_ptr<Lingering> lingering_;
  State state_ = State::kShaking;
  Shaken shaken_;
  io::Stream::Handlers handlers_;
  bool shaking_ = false, started_ = false, paused_ = false;
  bool wants_room_ = false;  // a write took less than it was given
  bool heard_ = false;       // the other side said something
  std::string wrong_;        // with the certificate of the other side, by the rules
  std::string kept_;         // arrived, and not decrypted: reading is paused, or not started
  std::string_view in_;      // what OpenSSL reads next
  std::string out_;          // encrypted, for the stream below
  std::size_t out_at_ = 0;   // of it: taken by the stream below
  std::unique_ptr<io::Timer> patience_;  // of one that lingers
};

// What the owner has.
class Stream final : public io::Stream {
 public:
  explicit Stream(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~Stream() override { core_->shut(); }
  void start(Handlers handlers) override { core_->start(std::move(handlers)); }
  std::size_t write(std::string_view bytes) override { return core_->write(bytes); }
  std::size_t unacknowledged() override { return core_->unacknowledged(); }
  void pause_reading() override { core_->pause_reading(); }
  void resume_reading() override { core_->resume_reading(); }
  void give_up_unacknowledged_after(Duration limit) override {
    core_->give_up_unacknowledged_after(limit);
  }
  const std::string& peer() const override { return core_->peer(); }
  std::optional<bool> certified_for(const std::string& host) const override {
    return core_->certified_for(host);
  }

 private:
  std::shared_ptr<Core> core_;  // shared with callbacks that are under way
};

}  // namespace polis::tls
