#pragma once

// What one side of TLS connections shows and whom it trusts: a certificate with its key, trusted
// authorities, and rules for the other side; made from files, and made anew when the files change.
//
// TLS 1.2 with ECDHE and AEAD suites alone, and TLS 1.3; no renegotiation, no compression. Sessions
// are resumed by tickets; what was resumed was verified when it was made, and new files void all
// tickets, so that a revocation counts for the next connection.
//
// Threads: the loop's.
// Life: load -> server() or client() for each connection -> refresh() now and then.
// Source: RFC 8446, 5246, 5280, 6125; which suites: RFC 9113, section 9.2.2.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hh"
#include "tls/lifetime.hh"

struct ssl_ctx_st;

namespace polis::tls {

// Files in PEM form. Empty: without it.
struct Files {
  std::string certificate;  // the own one first, then those between it and its authority
  std::string key;          // of the first one; without a passphrase
  std::string trusted;      // authorities; empty, for clients: those that the system trusts
  std::string revoked;      // revocation lists of these authorities

  bool operator==(const Files&) const = default;
};

// What is asked of the other side beyond a certificate that a trusted authority has signed.
struct Rules {
  // A server asks its clients for a certificate, and ends connections without one.
  bool client_certificates = false;
  // One of these common names; empty: any.
  std::vector<std::string> common_names;
  // Valid for one of these hosts (subject alternative names); empty: any, and for clients always
  // the host that was dialled as well.
  std::vector<std::string> hosts;
  // A client takes any certificate: for tests by hand alone.
  bool verify_nobody = false;
};

class Credentials {
 public:
  // kInvalid: a file is missing or is not what it should be, the key does not belong to the
  // certificate, or `rules` need what is not there; the text names the file.
  static Result<std::unique_ptr<Credentials>> load(Files files, Rules rules);
  ~Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // Reads the files again; connections that are made from now on use what they hold. False: they
  // hold what they held. Errors as of load; then what was loaded before stays in use.
  Result<bool> refresh();

  // Valid until refresh or destruction; who makes a connection from it shares it.
  ssl_ctx_st* server() const;  // nullptr: there is no certificate
  ssl_ctx_st* client() const;
  const Rules& rules() const { return rules_; }
  // Of the own certificate and those behind it in its file, the one that ends first. Nothing: there
  // is no certificate.
  std::optional<Lifetime> lifetime() const;
  // The common name of the own one; empty: it has none, or there is none.
  const std::string& name() const;
  // "NAME, valid until DATE", for people.
  std::string describe() const;

 private:
  struct Loaded;
  Credentials(Files files, Rules rules);
  static Result<std::shared_ptr<Loaded>> read(const Files& files, const Rules& rules,
                                              const Loaded* before);

  Files files_;
  Rules rules_;
  std::shared_ptr<Loaded> loaded_;  // never empty
};

}  // namespace polis::tls
