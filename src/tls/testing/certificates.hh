#pragma once

// An authority of its own for a test, in a directory that goes with the test.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "io/posix_disk.hh"
#include "io/reactor.hh"
#include "tls/authority.hh"
#include "tls/credentials.hh"

namespace polis::tls::testing {

class Certificates {
 public:
  explicit Certificates(io::Reactor& reactor) : disk_(reactor) {
    std::string made = (std::filesystem::temp_directory_path() / "polis-tls-XXXXXX").string();
    directory_ = ::mkdtemp(made.data());
    EXPECT_TRUE(authority().init("test authority", validity(30)).has_value());
  }
  ~Certificates() { std::filesystem::remove_all(directory_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  static std::int64_t now() { return io::wall_clock_nanoseconds() / 1'000'000'000; }
  static Validity validity(int days) { return {now(), days}; }
  Authority authority() { return {disk_, directory_}; }
  std::string path(const std::string& file) const { return directory_ + "/" + file; }
  // Of a new certificate; without `name`: none, only whom to trust.
  Files files(const std::string& name, const std::vector<std::string>& hosts = {}, int days = 10) {
    if (name.empty()) return {"", "", path("ca.crt"), ""};
    auto issued = authority().issue(name, hosts, validity(days));
    EXPECT_TRUE(issued.has_value()) << issued.error().text;
    return {path(name + ".crt"), path(name + ".key"), path("ca.crt"), ""};
  }

 private:
  io::PosixDisk disk_;
  std::string directory_;
};

}  // namespace polis::tls::testing
