#pragma once

// What the files of this folder share about OpenSSL: owners of its objects, and its errors in
// words.
//
// Threads: any.

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hh"

namespace polis::tls {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using RevocationList = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Freer<SSL_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;

// What OpenSSL said last on this thread, in words; forgets it and everything before. Never empty.
std::string last_error();
// Reads from `text` without a copy; `text` must live as long.
Bio reader_of(std::string_view text);
// "CN" of the subject; empty: it has none.
std::string common_name(const X509* certificate);
// Each certificate of a PEM text, in its order. kInvalid: there is none, or one is broken; the text
// of the error begins with `file`.
Result<std::vector<Certificate>> certificates_in(const std::string& pem, const std::string& file);
// A private key without a passphrase. kInvalid, as above; the error never shows any of the key.
Result<Key> key_in(const std::string& pem, const std::string& file);
// Seconds since 1970, UTC.
std::int64_t seconds_of(const ASN1_TIME* time);
}  // namespace polis::tls
