#include "tls/network.hh"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include "tls/stream.hh"
#include "tls/tickets.hh"

namespace polis::tls {
namespace {

Connection dialling(const Credentials& credentials, const io::Address& address) {
  Connection ssl(SSL_new(credentials.client()));
  SSL_set_connect_state(ssl.get());
  const std::string host = address.certified_host();
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) != 1) {
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size());
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  }
  use_ticket(ssl.get(), address.text());
  return ssl;
}

std::unexpected<Error> no_credentials(const io::Address& address) {
  return fail(ErrorCode::kInvalid,
              fmt::format("{} needs a certificate and its key; write {} to go without TLS",
                          address.text(), address.with_tls(false).url()));
}

void count(Network::Counters& counters, const Core::Handshake& done) {
  ++(done.failure.empty() ? counters.handshakes : counters.failed);
  if (done.failure.empty() && done.resumed) ++counters.resumed;
}

// Two attempts behind each other: to connect, and to shake hands.
class TlsConnecting final : public io::Connecting {
 public:
  TlsConnecting(io::Loop& loop, io::Address address, std::shared_ptr<Network::Counters> counters,
                io::Network::Connected done)
      : loop_(loop),
        address_(std::move(address)),
        counters_(std::move(counters)),
        done_(std::move(done)) {}

  void begin(io::Network& below, const Credentials& credentials, Duration timeout,
             std::weak_ptr<Lingering> lingering) {
    patience_ = loop_.after(timeout, [this] { finish("timed out in the TLS handshake"); });
    connecting_ =
        below.connect(address_, timeout,
                      [this, &credentials, lingering](Result<std::unique_ptr<io::Stream>> stream) {
                        if (!stream) return tell(std::unexpected(stream.error()));
                        core_ = std::make_shared<Core>(
                            loop_, std::move(*stream), dialling(credentials, address_),
                            credentials.rules(), lingering, [this](const Core::Handshake& shaken) {
                              count(*counters_, shaken);
                              finish(shaken.failure);
                            });
                        core_->shake();
                      });
  }
  void refuse(Error error) {
    patience_ = loop_.after(Duration::zero(),
                            [this, error = std::move(error)] { tell(std::unexpected(error)); });
  }
  ~TlsConnecting() override {
    if (core_) core_->shut();
  }

 private:
  void finish(const std::string& failure) {
    if (failure.empty()) return tell(std::make_unique<Stream>(std::exchange(core_, nullptr)));
    tell(fail(ErrorCode::kUnavailable,
              fmt::format("cannot connect to {}: {}", address_.text(), failure)));
  }
  // Who is told may destroy this.
  void tell(Result<std::unique_ptr<io::Stream>> outcome) {
    const auto keep = std::move(patience_);
    auto done = std::exchange(done_, nullptr);
    if (done) done(std::move(outcome));
  }

  io::Loop& loop_;
  io::Address address_;
  std::shared_ptr<Network::Counters> counters_;  // shared with the network
  io::Network::Connected done_;
  std::unique_ptr<io::Connecting> connecting_;
  std::shared_ptr<Core> core_;  // while it shakes hands; shared with its own callbacks
  std::unique_ptr<io::Timer> patience_;
};

}  // namespace

Network::Network(io::Loop& loop, io::Network& below, const Credentials* credentials)
    : loop_(loop),
      below_(below),
      credentials_(credentials),
      lingering_(std::make_shared<Lingering>()) {}
Network::~Network() = default;

void Network::on_refused(std::function<void(const std::string&)> refused) {
  refused_ = std::move(refused);
}

Result<std::unique_ptr<io::Listener>> Network::listen(const io::Address& address,
                                                      Accepted accepted) {
  if (!address.tls) return below_.listen(address, std::move(accepted));
  if (credentials_ == nullptr || credentials_->server() == nullptr) return no_credentials(address);
  return below_.listen(
      address, [this, accepted = std::move(accepted)](std::unique_ptr<io::Stream> stream) {
        Connection ssl(SSL_new(credentials_->server()));
        SSL_set_accept_state(ssl.get());
        const std::string peer = stream->peer();
        accepted(std::make_unique<Stream>(
            std::make_shared<Core>(loop_, std::move(stream), std::move(ssl), credentials_->rules(),
                                   lingering_, [this, peer](const Core::Handshake& done) {
                                     count(accepted_, done);
                                     if (!done.failure.empty() && refused_)
                                       refused_(fmt::format("{}: {}", peer, done.failure));
                                   })));
      });
}

std::unique_ptr<io::Connecting> Network::connect(const io::Address& address, Duration timeout,
                                                 Connected done) {
  if (!address.tls) return below_.connect(address, timeout, std::move(done));
  auto connecting = std::make_unique<TlsConnecting>(loop_, address, dialled_, std::move(done));
  if (credentials_ == nullptr) {
    connecting->refuse(no_credentials(address).error());
  } else {
    connecting->begin(below_, *credentials_, timeout, lingering_);
  }
  return connecting;
}

}  // namespace polis::tls
