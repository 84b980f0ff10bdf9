#include "tls/stream.hh"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/check.hh"

namespace polis::tls {
namespace {

// What is decrypted at a time, and what is encrypted before the stream below is asked for room.
constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::size_t kRecordBytesMax = SSL3_RT_MAX_PLAIN_LENGTH;
// What a client without TLS is told, as other servers tell it.
constexpr std::string_view kPlainAnswer =
    "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
    "\r\nThis address speaks TLS: write https://, or unixs:// for a unix socket\n";

// One loop has one turn at a time, so its streams share it.
thread_local std::array<char, kPieceBytes> decrypted;

bool valid_for(X509* certificate, const std::string& host) {
  return X509_check_host(certificate, host.c_str(), host.size(),
                         X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1 ||
         X509_check_ip_asc(certificate, host.c_str(), 0) == 1;
}

}  // namespace

Core::Core(io::Loop& loop, std::unique_ptr<io::Stream> below, Connection ssl, const Rules& rules,
           std::weak_ptr<Lingering> lingering, Shaken shaken)
    : loop_(loop),
      below_(std::move(below)),
      peer_(below_->peer()),
      ssl_(std::move(ssl)),
      rules_(rules),
      lingering_(std::move(lingering)),
      shaken_(std::move(shaken)) {
  BIO* bio = BIO_new(bio_method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_verify(ssl_.get(), SSL_get_verify_mode(ssl_.get()), on_verified);
}

// In the middle of the handshake, so that the other side is told why it ends.
int Core::on_verified(int verified, X509_STORE_CTX* chain) {
  if (verified != 1 || X509_STORE_CTX_get_error_depth(chain) != 0) return verified;
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* core = static_cast<Core*>(SSL_get_app_data(ssl));
  core->wrong_ = core->what_is_wrong_with(X509_STORE_CTX_get_current_cert(chain));
  if (core->wrong_.empty()) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REJECTED);
  return 0;
}

const BIO_METHOD* Core::bio_method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "a stream of polis");
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
  }();
  return made;
}

int Core::bio_write(BIO* bio, const char* bytes, int length) {
  static_cast<Core*>(BIO_get_data(bio))->out_.append(bytes, static_cast<std::size_t>(length));
  return length;
}

int Core::bio_read(BIO* bio, char* bytes, int length) {
  std::string_view& in = static_cast<Core*>(BIO_get_data(bio))->in_;
  BIO_clear_retry_flags(bio);
  if (in.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t n = std::min(in.size(), static_cast<std::size_t>(length));
  std::memcpy(bytes, in.data(), n);
  in.remove_prefix(n);
  return static_cast<int>(n);
}

long Core::bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

void Core::shake() {
  shaking_ = true;
  below_->start({[this](std::string_view bytes) { on_bytes(bytes); },
                 [this](const std::string& reason) { on_below_closed(reason); },
                 [this] { on_below_writable(); }});
  if (SSL_is_server(ssl_.get()) == 0) advance();
}

void Core::start(io::Stream::Handlers handlers) {
  handlers_ = std::move(handlers);
  started_ = true;
  if (!shaking_) return shake();
  if (state_ == State::kOpen) loop_.post([self = shared_from_this()] { self->on_bytes({}); });
}

std::size_t Core::write(std::string_view bytes) {
  if (state_ == State::kClosed) return bytes.size();
  std::size_t taken = 0;
  while (state_ == State::kOpen && taken < bytes.size() && flush()) {
    const std::string_view piece = bytes.substr(taken, kPieceBytes);
    ERR_clear_error();
    if (SSL_write(ssl_.get(), piece.data(), static_cast<int>(piece.size())) <= 0) {
      close_later(last_error());
      return bytes.size();
    }
    taken += piece.size();
  }
  if (state_ == State::kOpen) flush();
  wants_room_ = taken < bytes.size();
  return taken;
}

std::size_t Core::unacknowledged() {
  return (below_ ? below_->unacknowledged() : 0) + out_.size() - out_at_;
}

void Core::give_up_unacknowledged_after(Duration limit) {
  if (below_) below_->give_up_unacknowledged_after(limit);
}

void Core::pause_reading() {
  paused_ = true;
  if (below_) below_->pause_reading();
}

void Core::resume_reading() {
  if (!std::exchange(paused_, false) || !below_) return;
  below_->resume_reading();
  loop_.post([self = shared_from_this()] { self->on_bytes({}); });
}

void Core::shut() {
  handlers_ = {};
  shaken_ = nullptr;
  const bool open = std::exchange(state_, State::kClosed) == State::kOpen;
  if (open) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  auto pool = lingering_.lock();
  if (flush() || !open || !pool) {
    below_.reset();
    return;
  }
  pool->cores.insert(shared_from_this());
  patience_ = loop_.after(kLingerMax, [this] {
    const auto self = shared_from_this();
    const auto keep = std::move(patience_);
    stop_lingering();
  });
}

void Core::stop_lingering() {
  if (auto pool = lingering_.lock()) pool->cores.erase(shared_from_this());
}

void Core::on_bytes(std::string_view bytes) {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  heard_ = heard_ || !bytes.empty();
  if (kept_.empty()) {
    in_ = bytes;
  } else {
    kept_ += bytes;
    in_ = kept_;
  }
  advance();
  kept_ = std::string(in_);
  in_ = {};
}

void Core::on_below_closed(const std::string& reason) {
  const auto self = shared_from_this();
  if (patience_) return stop_lingering();
  on_bytes({});  // what arrived before the end
  if (state_ == State::kShaking)
    return finish_shaking(heard_ ? fmt::format("the other side ended the connection in the TLS "
                                               "handshake ({})",
                                               reason)
                                 : reason);
  close(reason);
}

void Core::on_below_writable() {
  const auto self = shared_from_this();
  if (!flush()) return;
  if (patience_) return stop_lingering();
  if (state_ == State::kOpen && std::exchange(wants_room_, false) && handlers_.writable)
    handlers_.writable();
}

void Core::advance() {
  if (state_ == State::kShaking && shake_on()) finish_shaking("");
  if (state_ == State::kOpen) deliver();
  if (state_ != State::kClosed) flush();
}

std::optional<bool> Core::certified_for(const std::string& host) const {
  X509* shown = SSL_get0_peer_certificate(ssl_.get());
  if (state_ != State::kOpen || shown == nullptr) return std::nullopt;
  return valid_for(shown, host);
}

bool Core::shake_on() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done != 1 && SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ) return false;
  // A connection that is resumed shows no certificate again.
  std::string wrong =
      done == 1 ? what_is_wrong_with(SSL_get0_peer_certificate(ssl_.get())) : why_it_failed();
  if (wrong.empty()) return true;
  finish_shaking(wrong);
  return false;
}

std::string Core::what_is_wrong_with(X509* peer) const {
  if (peer == nullptr) return "";
  const std::string name = common_name(peer);
  const auto& names = rules_.common_names;
  if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end())
    return fmt::format("its certificate has the common name '{}', which is not allowed here", name);
  const auto& hosts = rules_.hosts;
  if (!hosts.empty() && std::none_of(hosts.begin(), hosts.end(), [peer](const std::string& host) {
        return valid_for(peer, host);
      }))
    return fmt::format("its certificate of '{}' is for none of the hosts that are allowed here",
                       name);
  return "";
}

std::string Core::why_it_failed() const {
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  const std::string text = last_error();
  if (!wrong_.empty()) return wrong_;
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified != X509_V_OK) {
    return fmt::format("the certificate of the other side is not accepted: {}",
                       X509_verify_cert_error_string(verified));
  }
  const bool server = SSL_is_server(ssl_.get()) != 0;
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
      if (server && below_) below_->write(kPlainAnswer);
      return "it sent a request without TLS";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return server ? "it does not speak TLS"
                    : "the server does not speak TLS there; write http://, or unix:// for a unix "
                      "socket, if that is meant";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "it showed no certificate, and here each client needs one";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return "the server asks for a certificate; give one with its key";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      return "the other side does not accept the certificate that it was shown; its log says why";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "the certificate that the other side was shown has ended; give a new one";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      return "the certificate that the other side was shown is revoked; give another one";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "the other side does not trust the authority of the certificate that it was shown";
    default:
      return text;
  }
}

void Core::finish_shaking(const std::string& failure) {
  state_ = failure.empty() ? State::kOpen : State::kClosed;
  flush();  // for a failure: the alert that names it
  auto shaken = std::move(shaken_);
  shaken_ = nullptr;
  if (shaken) shaken({failure, SSL_session_reused(ssl_.get()) == 1});
  if (state_ == State::kOpen && started_ && std::exchange(wants_room_, false) && handlers_.writable)
    handlers_.writable();
  if (failure.empty()) return;
  below_.reset();
  if (!handlers_.closed) return;
  auto closed = std::move(handlers_.closed);
  handlers_ = {};
  closed(failure);
}

void Core::deliver() {
  bool more = true;
  while (more && state_ == State::kOpen && started_ && !paused_) {
    std::size_t filled = 0;
    std::string ended;
    while (filled + kRecordBytesMax <= decrypted.size()) {
      ERR_clear_error();
      const int n = SSL_read(ssl_.get(), decrypted.data() + filled,
                             static_cast<int>(decrypted.size() - filled));
      if (n > 0) {
        filled += static_cast<std::size_t>(n);
        continue;
      }
      more = false;
      const int error = SSL_get_error(ssl_.get(), n);
      if (error == SSL_ERROR_ZERO_RETURN) ended = "closed by the other side";
      if (error != SSL_ERROR_ZERO_RETURN && error != SSL_ERROR_WANT_READ) ended = why_it_failed();
      break;
    }
    if (filled > 0) handlers_.bytes(std::string_view(decrypted.data(), filled));
    if (!ended.empty()) return close(ended);
  }
}

bool Core::flush() {
  while (below_ && out_at_ < out_.size()) {
    const std::string_view rest = std::string_view(out_).substr(out_at_);
    const std::size_t taken = below_->write(rest);
    out_at_ += taken;
    if (taken < rest.size()) return false;
  }
  out_.clear();
  if (out_.capacity() > 4 * kPieceBytes) out_.shrink_to_fit();
  out_at_ = 0;
  return true;
}

void Core::close(const std::string& reason) {
  if (std::exchange(state_, State::kClosed) == State::kClosed) return;
  flush();
  below_.reset();
  auto closed = std::move(handlers_.closed);
  handlers_ = {};
  if (closed) closed(reason);
}

void Core::close_later(std::string reason) {
  loop_.post([self = shared_from_this(), reason = std::move(reason)] { self->close(reason); });
}

}  // namespace polis::tls
