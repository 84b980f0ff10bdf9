#include "tls/credentials.hh"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "io/posix_disk.hh"
#include "tls/openssl.hh"
#include "tls/tickets.hh"

namespace polis::tls {
namespace {

// TLS 1.2: what HTTP/2 allows. TLS 1.3 has no others.
constexpr const char* kSuites = "ECDHE+AESGCM:ECDHE+CHACHA20";
// In the order in which a server chooses: HTTP/2 is best for everybody here.
constexpr std::string_view kProtocols = "\x02h2\x08http/1.1";
// Tells tickets of this program from those of others with the same key.
constexpr std::string_view kSessionContext = "polis";

struct Texts {
  std::string certificate, key, trusted, revoked;
  bool operator==(const Texts&) const = default;
};

Result<Texts> read_texts(const Files& files) {
  Texts texts;
  for (auto [file, text] :
       {std::pair(&files.certificate, &texts.certificate), std::pair(&files.key, &texts.key),
        std::pair(&files.trusted, &texts.trusted), std::pair(&files.revoked, &texts.revoked)}) {
    if (file->empty()) continue;
    auto read = io::read_file(*file);
    if (!read) return fail(ErrorCode::kInvalid, read.error().text);
    *text = std::move(*read);
  }
  return texts;
}

Result<void> use_certificate(SSL_CTX* context, const std::vector<Certificate>& chain, EVP_PKEY* key,
                             const Files& files) {
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return fail(ErrorCode::kInvalid, fmt::format("{} and {} do not belong together ({})",
                                                 files.certificate, files.key, last_error()));
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1)
      return fail(ErrorCode::kInvalid, fmt::format("{}: {}", files.certificate, last_error()));
  }
  return {};
}

Result<void> trust(SSL_CTX* context, const Texts& texts, const Files& files) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  if (files.trusted.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else {
    auto authorities = certificates_in(texts.trusted, files.trusted);
    if (!authorities) return std::unexpected(authorities.error());
    for (const Certificate& one : *authorities) {
      X509_STORE_add_cert(store, one.get());
      SSL_CTX_add_client_CA(context, one.get());  // what clients are told to choose by
    }
  }
  if (files.revoked.empty()) return {};
  const Bio reader = reader_of(texts.revoked);
  int lists = 0;
  while (RevocationList one{PEM_read_bio_X509_CRL(reader.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_crl(store, one.get());
    ++lists;
  }
  ERR_clear_error();
  if (lists == 0)
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: there is no revocation list in PEM form", files.revoked));
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

// What the two sides of a connection have in common.
Result<Context> base_context(const SSL_METHOD* method, const Texts& texts, const Files& files,
                             const Rules& rules) {
  Context context(SSL_CTX_new(method));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
  // Thousands of idle connections keep no buffers.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(context.get(), kSuites);
  if (rules.verify_nobody) return context;
  if (auto done = trust(context.get(), texts, files); !done) return std::unexpected(done.error());
  return context;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* in, unsigned in_length, void*) {
  unsigned char* chosen = nullptr;
  const int outcome = SSL_select_next_proto(
      &chosen, out_length, reinterpret_cast<const unsigned char*>(kProtocols.data()),
      static_cast<unsigned>(kProtocols.size()), in, in_length);
  *out = chosen;
  // A client that knows none of these is told apart by its first bytes, as one without the
  // extension.
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Result<Context> server_context(const Texts& texts, const Files& files, const Rules& rules,
                               const std::vector<Certificate>& chain, EVP_PKEY* key) {
  auto context = base_context(TLS_server_method(), texts, files, rules);
  if (!context) return context;
  if (auto done = use_certificate(context->get(), chain, key, files); !done)
    return std::unexpected(done.error());
  SSL_CTX_set_alpn_select_cb(context->get(), choose_protocol, nullptr);
  SSL_CTX_set_session_id_context(context->get(),
                                 reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                 static_cast<unsigned>(kSessionContext.size()));
  // Tickets alone: a server that remembers sessions would have to bound them.
  SSL_CTX_set_session_cache_mode(context->get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context->get(), 1);
  if (rules.client_certificates)
    SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

Result<Context> client_context(const Texts& texts, const Files& files, const Rules& rules,
                               const std::vector<Certificate>& chain, EVP_PKEY* key) {
  auto context = base_context(TLS_client_method(), texts, files, rules);
  if (!context) return context;
  if (!chain.empty()) {
    if (auto done = use_certificate(context->get(), chain, key, files); !done)
      return std::unexpected(done.error());
  }
  SSL_CTX_set_verify(context->get(), rules.verify_nobody ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                     nullptr);
  SSL_CTX_set_alpn_protos(context->get(), reinterpret_cast<const unsigned char*>(kProtocols.data()),
                          static_cast<unsigned>(kProtocols.size()));
  return context;
}

}  // namespace

struct Credentials::Loaded {
  Texts texts;
  Context server, client;
  std::optional<Lifetime> lifetime;
  std::string name;
};

Credentials::Credentials(Files files, Rules rules)
    : files_(std::move(files)), rules_(std::move(rules)) {}
Credentials::~Credentials() = default;

Result<std::unique_ptr<Credentials>> Credentials::load(Files files, Rules rules) {
  if (files.certificate.empty() != files.key.empty()) {
    return fail(ErrorCode::kInvalid,
                files.key.empty()
                    ? fmt::format("{}: a certificate needs its key as well", files.certificate)
                    : fmt::format("{}: a key needs its certificate as well", files.key));
  }
  if (files.trusted.empty() && rules.client_certificates) {
    return fail(ErrorCode::kInvalid,
                "certificates of clients need a file of the authorities that are trusted");
  }
  auto made = std::unique_ptr<Credentials>(new Credentials(std::move(files), std::move(rules)));
  auto loaded = read(made->files_, made->rules_, nullptr);
  if (!loaded) return std::unexpected(loaded.error());
  made->loaded_ = std::move(*loaded);
  return made;
}

Result<std::shared_ptr<Credentials::Loaded>> Credentials::read(const Files& files,
                                                               const Rules& rules,
                                                               const Loaded* before) {
  auto texts = read_texts(files);
  if (!texts) return std::unexpected(texts.error());
  if (before != nullptr && *texts == before->texts) return nullptr;
  std::vector<Certificate> chain;
  Key key;
  auto loaded = std::make_shared<Loaded>();
  if (!files.certificate.empty()) {
    auto certificates = certificates_in(texts->certificate, files.certificate);
    if (!certificates) return std::unexpected(certificates.error());
    chain = std::move(*certificates);
    auto found = key_in(texts->key, files.key);
    if (!found) return std::unexpected(found.error());
    key = std::move(*found);
    loaded->name = common_name(chain.front().get());
    for (const Certificate& one : chain) {
      const Lifetime lifetime{seconds_of(X509_get0_notBefore(one.get())),
                              seconds_of(X509_get0_notAfter(one.get()))};
      if (!loaded->lifetime || lifetime.ends < loaded->lifetime->ends) loaded->lifetime = lifetime;
    }
    auto server = server_context(*texts, files, rules, chain, key.get());
    if (!server) return std::unexpected(server.error());
    loaded->server = std::move(*server);
  }
  auto client = client_context(*texts, files, rules, chain, key.get());
  if (!client) return std::unexpected(client.error());
  loaded->client = std::move(*client);
  keep_tickets(loaded->client.get());
  loaded->texts = std::move(*texts);
  return loaded;
}

Result<bool> Credentials::refresh() {
  auto loaded = read(files_, rules_, loaded_.get());
  if (!loaded) return std::unexpected(loaded.error());
  if (*loaded == nullptr) return false;
  loaded_ = std::move(*loaded);
  return true;
}

ssl_ctx_st* Credentials::server() const { return loaded_->server.get(); }
ssl_ctx_st* Credentials::client() const { return loaded_->client.get(); }
std::optional<Lifetime> Credentials::lifetime() const { return loaded_->lifetime; }
const std::string& Credentials::name() const { return loaded_->name; }

std::string Credentials::describe() const {
  if (!loaded_->lifetime) return "no certificate";
  return fmt::format("certificate of '{}', valid until {}", loaded_->name,
                     date_text(loaded_->lifetime->ends));
}

}  // namespace polis::tls
