#include "tls/authority.hh"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "io/address.hh"
#include "io/posix_disk.hh"
#include "tls/credentials.hh"
#include "tls/openssl.hh"

namespace polis::tls {
namespace {

constexpr long kVersion3 = 2, kListVersion2 = 1;
constexpr int kSerialBytes = 16;
// Clocks of other machines may be a little behind.
constexpr std::int64_t kBackdateSeconds = 300;
// A revocation list that nobody renews goes on to count.
constexpr int kListDays = 3650;
constexpr std::int64_t kDaySeconds = 86'400;

constexpr std::string_view kAuthority = "ca";

struct Signer {
  Certificate certificate;
  Key key;
};

std::unexpected<Error> refused(const std::string& what) {
  return fail(ErrorCode::kIo, fmt::format("{}: {}", what, last_error()));
}

// Of "DNS:a,IP:1.2.3.4" or whatever else the extension `nid` takes.
bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// At random, so that it tells nothing and never comes twice.
bool set_serial(X509* certificate) {
  std::array<unsigned char, kSerialBytes> bytes{};
  if (RAND_bytes(bytes.data(), kSerialBytes) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // positive, of full length
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number(
      BN_bin2bn(bytes.data(), kSerialBytes, nullptr));
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

// All of a certificate but its extensions and its signature.
Certificate begin(const std::string& name, const Validity& validity, EVP_PKEY* key) {
  Certificate made(X509_new());
  X509_set_version(made.get(), kVersion3);
  X509_NAME* subject = X509_get_subject_name(made.get());
  const bool good =
      set_serial(made.get()) &&
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                                 0) == 1 &&
      ASN1_TIME_set(X509_getm_notBefore(made.get()), validity.now - kBackdateSeconds) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(made.get()), validity.now + validity.days * kDaySeconds) !=
          nullptr &&
      X509_set_pubkey(made.get(), key) == 1;
  return good ? std::move(made) : nullptr;
}

template <typename Write>
std::string pem_of(Write write) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (write(out.get()) != 1) return "";
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

Result<void> save(const std::string& stem, X509* certificate, EVP_PKEY* key) {
  const std::string secret = pem_of([key](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  const std::string open =
      pem_of([certificate](BIO* out) { return PEM_write_bio_X509(out, certificate); });
  if (secret.empty() || open.empty()) return refused(stem);
  if (auto done = io::write_file_atomically(stem + ".key", secret); !done) return done;
  return io::write_file_atomically(stem + ".crt", open, io::Readable::kByAll);
}

Result<void> sign_list(X509_CRL* list, const Signer& signer, std::int64_t now,
                       const std::string& file) {
  const std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>> from(ASN1_TIME_set(nullptr, now)),
      until(ASN1_TIME_set(nullptr, now + kListDays * kDaySeconds));
  X509_CRL_set_version(list, kListVersion2);
  X509_CRL_set_issuer_name(list, X509_get_subject_name(signer.certificate.get()));
  X509_CRL_set1_lastUpdate(list, from.get());
  X509_CRL_set1_nextUpdate(list, until.get());
  X509_CRL_sort(list);
  if (X509_CRL_sign(list, signer.key.get(), EVP_sha256()) == 0) return refused(file);
  const std::string text = pem_of([list](BIO* out) { return PEM_write_bio_X509_CRL(out, list); });
  return io::write_file_atomically(file, text, io::Readable::kByAll);
}

Result<Certificate> certificate_at(const std::string& file) {
  auto text = io::read_file(file);
  if (!text) return std::unexpected(text.error());
  auto found = certificates_in(*text, file);
  if (!found) return std::unexpected(found.error());
  return std::move(found->front());
}

Result<Signer> signer_in(const std::string& stem) {
  auto certificate = certificate_at(stem + ".crt");
  if (!certificate) {
    return fail(
        certificate.error().code,
        certificate.error().code == ErrorCode::kNotFound
            ? fmt::format("{}.crt: there is no authority; `polis cert init` makes one", stem)
            : certificate.error().text);
  }
  auto text = io::read_file(stem + ".key");
  if (!text) return std::unexpected(text.error());
  auto key = key_in(*text, stem + ".key");
  if (!key) return std::unexpected(key.error());
  return Signer{std::move(*certificate), std::move(*key)};
}

Result<RevocationList> list_at(const std::string& file) {
  auto text = io::read_file(file);
  if (!text) return std::unexpected(text.error());
  RevocationList list(PEM_read_bio_X509_CRL(reader_of(*text).get(), nullptr, nullptr, nullptr));
  if (!list) return refused(file);
  return list;
}

std::string serial_of(const X509* certificate) {
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  char* text = BN_bn2hex(number.get());
  std::string serial(text);
  OPENSSL_free(text);
  return serial;
}

std::vector<std::string> hosts_of(const X509* certificate) {
  std::vector<std::string> hosts;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    const bool address = name->type == GEN_IPADD;
    if (!address && name->type != GEN_DNS) continue;
    const ASN1_STRING* text = address ? name->d.iPAddress : name->d.dNSName;
    const auto bytes = std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                        static_cast<std::size_t>(ASN1_STRING_length(text)));
    hosts.push_back(address ? io::ip_text(bytes) : std::string(bytes));
  }
  GENERAL_NAMES_free(names);
  return hosts;
}

Issued describe(const X509* certificate, const std::string& file) {
  return {.name = common_name(certificate),
          .file = file,
          .hosts = hosts_of(certificate),
          .serial = serial_of(certificate),
          .expires = seconds_of(X509_get0_notAfter(certificate)),
          .authority = X509_check_ca(const_cast<X509*>(certificate)) != 0};
}

bool on_list(X509_CRL* list, const X509* certificate) {
  X509_REVOKED* entry = nullptr;
  return list != nullptr &&
         X509_CRL_get0_by_serial(list, &entry, X509_get0_serialNumber(certificate)) == 1;
}

Result<void> check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 64 && name.front() != '.' &&
                    name != kAuthority &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == '@';
                    });
  if (good) return {};
  return fail(
      ErrorCode::kInvalid,
      fmt::format("'{}' cannot be the name of a certificate: letters, digits, '.', '-', '_' "
                  "and '@', at most 64 of them; not '{}'",
                  name, kAuthority));
}

// "DNS:a,IP:10.0.0.1".
Result<std::string> alternative_names(const std::vector<std::string>& hosts) {
  std::string names;
  for (const std::string& host : hosts) {
    const bool address = io::is_ip(host);
    const bool good =
        address || (!host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' ||
                 c == '_' || c == '*';
        }));
    if (!good)
      return fail(
          ErrorCode::kInvalid,
          fmt::format("'{}' is no host: write a name or an IP address, without a port", host));
    names += fmt::format("{}{}:{}", names.empty() ? "" : ",", address ? "IP" : "DNS", host);
  }
  return names;
}

}  // namespace

Result<Issued> Authority::init(const std::string& name, const Validity& validity) {
  if (auto done = disk_.make_directory(directory_); !done) return std::unexpected(done.error());
  const std::string stem = path(std::string(kAuthority));
  if (io::read_file(stem + ".crt")) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("{}.crt: there is an authority already, and what it has signed would be "
                    "worthless with another; choose another --dir",
                    stem));
  }
  Signer signer;
  signer.key.reset(EVP_EC_gen("P-256"));
  signer.certificate = begin(name, validity, signer.key.get());
  X509* made = signer.certificate.get();
  if (made == nullptr) return refused(stem);
  X509_set_issuer_name(made, X509_get_subject_name(made));
  const bool good =
      add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      add_extension(made, made, NID_key_usage, "critical,keyCertSign,cRLSign") &&
      add_extension(made, made, NID_subject_key_identifier, "hash") &&
      X509_sign(made, signer.key.get(), EVP_sha256()) != 0;
  if (!good) return refused(stem);
  if (auto done = save(stem, made, signer.key.get()); !done) return std::unexpected(done.error());
  const RevocationList list(X509_CRL_new());
  if (auto done = sign_list(list.get(), signer, validity.now, stem + ".crl"); !done)
    return std::unexpected(done.error());
  return describe(made, stem + ".crt");
}

Result<Issued> Authority::issue(const std::string& name, std::vector<std::string> hosts,
                                const Validity& validity, Existing existing) {
  if (auto good = check_name(name); !good) return std::unexpected(good.error());
  auto signer = signer_in(path(std::string(kAuthority)));
  if (!signer) return std::unexpected(signer.error());
  const std::string stem = path(name);
  auto there = certificate_at(stem + ".crt");
  if (existing == Existing::kReplace) {
    if (!there) return std::unexpected(there.error());
    if (hosts.empty()) hosts = hosts_of(there->get());
  }
  auto alternative = alternative_names(hosts);
  if (!alternative) return std::unexpected(alternative.error());
  auto list = list_at(path("ca.crl"));
  if (existing == Existing::kKeep && there &&
      seconds_of(X509_get0_notAfter(there->get())) > validity.now &&
      !(list && on_list(list->get(), there->get()))) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("{}.crt: there is one, valid until {}; --renew replaces it, `polis cert revoke "
                    "{}` makes it worthless first, or choose another name",
                    stem, date_text(seconds_of(X509_get0_notAfter(there->get()))), name));
  }
  if (seconds_of(X509_get0_notAfter(signer->certificate.get())) <
      validity.now + validity.days * kDaySeconds) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the authority itself ends at {}: give fewer --days",
                            date_text(seconds_of(X509_get0_notAfter(signer->certificate.get())))));
  }
  const Key key(EVP_EC_gen("P-256"));
  const Certificate made = begin(name, validity, key.get());
  if (!made) return refused(stem);
  X509* issuer = signer->certificate.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  const bool good = add_extension(made.get(), issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(made.get(), issuer, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(made.get(), issuer, NID_ext_key_usage,
                                  hosts.empty() ? "clientAuth" : "serverAuth,clientAuth") &&
                    add_extension(made.get(), issuer, NID_subject_key_identifier, "hash") &&
                    add_extension(made.get(), issuer, NID_authority_key_identifier, "keyid") &&
                    (alternative->empty() ||
                     add_extension(made.get(), issuer, NID_subject_alt_name, *alternative)) &&
                    X509_sign(made.get(), signer->key.get(), EVP_sha256()) != 0;
  if (!good) return refused(stem);
  if (auto done = save(stem, made.get(), key.get()); !done) return std::unexpected(done.error());
  return describe(made.get(), stem + ".crt");
}

Result<Issued> Authority::revoke(const std::string& name, std::int64_t now) {
  if (auto good = check_name(name); !good) return std::unexpected(good.error());
  auto signer = signer_in(path(std::string(kAuthority)));
  if (!signer) return std::unexpected(signer.error());
  auto certificate = certificate_at(path(name + ".crt"));
  if (!certificate) return std::unexpected(certificate.error());
  auto list = list_at(path("ca.crl"));
  if (!list) return std::unexpected(list.error());
  Issued issued = describe(certificate->get(), path(name + ".crt"));
  issued.revoked = true;
  if (on_list(list->get(), certificate->get())) return issued;
  X509_REVOKED* entry = X509_REVOKED_new();
  const std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>> when(ASN1_TIME_set(nullptr, now));
  X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate->get()));
  X509_REVOKED_set_revocationDate(entry, when.get());
  X509_CRL_add0_revoked(list->get(), entry);
  if (auto done = sign_list(list->get(), *signer, now, path("ca.crl")); !done)
    return std::unexpected(done.error());
  return issued;
}

Result<std::vector<Issued>> Authority::list() const {
  auto files = disk_.list(directory_);
  if (!files) return std::unexpected(files.error());
  auto list = list_at(path("ca.crl"));
  std::vector<Issued> found;
  for (const std::string& file : *files) {
    if (!file.ends_with(".crt")) continue;
    auto certificate = certificate_at(path(file));
    if (!certificate) return std::unexpected(certificate.error());
    found.push_back(describe(certificate->get(), path(file)));
    found.back().revoked = list && on_list(list->get(), certificate->get());
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Issued& a, const Issued& b) { return a.authority && !b.authority; });
  return found;
}

}  // namespace polis::tls
