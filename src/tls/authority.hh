#pragma once

// A private authority in a directory: makes certificates for replicas, clients and people of one
// cell, says which there are, and revokes them.
//
// The directory holds, in PEM form: ca.crt and ca.key of the authority, ca.crl with what it has
// revoked, NAME.crt and NAME.key for each certificate. Keys are ECDSA on P-256, readable by their
// owner alone. ca.key signs everything: keep it on a machine that serves nobody.
//
// Threads: any; files are read and written at once.
// Source: RFC 5280.

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hh"
#include "io/disk.hh"

namespace polis::tls {

struct Validity {
  std::int64_t now = 0;  // seconds since 1970, UTC
  int days = 0;
};

struct Issued {
  std::string name;  // common name, and of the file
  std::string file;
  std::vector<std::string> hosts;  // names and addresses for which it is valid as a server
  std::string serial;              // hexadecimal
  std::int64_t expires = 0;        // seconds since 1970
  bool authority = false;          // the one that signs the others
  bool revoked = false;
};

// What becomes of a certificate of the same name that is valid still.
enum class Existing {
  kKeep,     // it stays, and nothing is issued
  kReplace,  // its files are replaced; whoever has it may use it until it ends
};

class Authority {
 public:
  Authority(io::Disk& disk, std::string directory)
      : disk_(disk), directory_(std::move(directory)) {}

  // Makes the directory, the authority and an empty revocation list. kInvalid: there is one
  // already.
  Result<Issued> init(const std::string& name, const Validity& validity);
  // A new key and a certificate for clients and, valid for `hosts` (names, IP addresses), for
  // servers. kInvalid: NAME is no file name, is taken by a certificate that is neither revoked nor
  // at its end, or a host is none. kNotFound: there is no authority; kReplace: or no certificate of
  // that name. kReplace without hosts: for those of the certificate that is replaced.
  Result<Issued> issue(const std::string& name, std::vector<std::string> hosts,
                       const Validity& validity, Existing existing = Existing::kKeep);
  // Puts it on the list, which has to be copied to where it is checked. kNotFound: no such name.
  Result<Issued> revoke(const std::string& name, std::int64_t now);
  // The authority first, the others by name.
  Result<std::vector<Issued>> list() const;

 private:
  std::string path(const std::string& file) const { return directory_ + "/" + file; }

  io::Disk& disk_;
  std::string directory_;
};

}  // namespace polis::tls
