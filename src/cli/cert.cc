// polis cert init|issue|list|revoke

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/cli.hh"
#include "cli/json.hh"
#include "io/posix_disk.hh"
#include "tls/authority.hh"
#include "tls/credentials.hh"

namespace polis::cli {
namespace {

constexpr int kAuthorityDays = 3650, kDays = 365, kDaysMax = 36'500;

std::int64_t now_seconds() { return io::wall_clock_nanoseconds() / 1'000'000'000; }

struct CertOptions {
  std::string directory = "certs", output = "text", name;
  std::vector<std::string> hosts;
  int days = kDays;
  bool renew = false;

  void add_to(CLI::App& app) {
    app.add_option("--dir", directory, "directory of the authority")
        ->type_name("DIR")
        ->capture_default_str();
    app.add_option("-o,--output", output, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
  }
  void add_days(CLI::App& app) {
    app.add_option("--days", days, "how long it is valid")
        ->check(CLI::Range(1, kDaysMax))
        ->capture_default_str();
  }
  tls::Validity validity() const { return {now_seconds(), days}; }
};

std::string joined(const std::vector<std::string>& words, const char* between) {
  return fmt::format("{}", fmt::join(words, between));
}

std::string state_of(const tls::Issued& one) {
  if (one.revoked) return "revoked";
  if (one.expires <= now_seconds()) return "ended";
  return one.authority ? "authority" : one.hosts.empty() ? "client" : "server and client";
}

std::string as_json(const tls::Issued& one) {
  std::string hosts;
  for (const std::string& host : one.hosts) hosts += (hosts.empty() ? "" : ",") + json_string(host);
  return fmt::format(
      R"({{"name":{},"file":{},"hosts":[{}],"serial":"{}","expires":"{}","state":"{}"}})",
      json_string(one.name), json_string(one.file), hosts, one.serial, tls::date_text(one.expires),
      state_of(one));
}

int run_init(const CertOptions& options) {
  io::Reactor reactor;
  io::PosixDisk disk(reactor);
  auto made = tls::Authority(disk, options.directory).init(options.name, options.validity());
  if (!made) return complain(made.error());
  if (options.output == "json") {
    fmt::print("{}\n", as_json(*made));
    return kDone;
  }
  fmt::print(
      "authority '{}' until {}: {}\n"
      "Its key signs everything: keep {}/ca.key where no replica runs. Next, for each replica:\n"
      "  polis cert issue NAME --host HOST,IP,... --dir {}\n",
      made->name, tls::date_text(made->expires), made->file, options.directory, options.directory);
  return kDone;
}

int run_issue(const CertOptions& options) {
  io::Reactor reactor;
  io::PosixDisk disk(reactor);
  auto made = tls::Authority(disk, options.directory)
                  .issue(options.name, options.hosts, options.validity(),
                         options.renew ? tls::Existing::kReplace : tls::Existing::kKeep);
  if (!made) return complain(made.error());
  if (options.output == "json") {
    fmt::print("{}\n", as_json(*made));
  } else if (made->hosts.empty()) {
    fmt::print("{} and {}/{}.key, for a client, until {}\n", made->file, options.directory,
               made->name, tls::date_text(made->expires));
  } else {
    fmt::print("{} and {}/{}.key, for {}, until {}\n", made->file, options.directory, made->name,
               joined(made->hosts, ", "), tls::date_text(made->expires));
  }
  return kDone;
}

int run_revoke(const CertOptions& options) {
  io::Reactor reactor;
  io::PosixDisk disk(reactor);
  auto revoked = tls::Authority(disk, options.directory).revoke(options.name, now_seconds());
  if (!revoked) return complain(revoked.error());
  if (options.output == "json") {
    fmt::print("{}\n", as_json(*revoked));
  } else {
    fmt::print(
        "{} is revoked in {}/ca.crl. Copy that file to each replica (--client-crl-file, "
        "--peer-crl-file): it counts for new connections from then on\n",
        revoked->name, options.directory);
  }
  return kDone;
}

int run_list(const CertOptions& options) {
  io::Reactor reactor;
  io::PosixDisk disk(reactor);
  auto found = tls::Authority(disk, options.directory).list();
  if (!found) return complain(found.error());
  if (options.output == "json") {
    for (const tls::Issued& one : *found) fmt::print("{}\n", as_json(one));
    return kDone;
  }
  fmt::print("{:<20} {:<18} {:<24} {}\n", "NAME", "STATE", "VALID UNTIL", "HOSTS");
  for (const tls::Issued& one : *found)
    fmt::print("{:<20} {:<18} {:<24} {}\n", one.name, state_of(one), tls::date_text(one.expires),
               joined(one.hosts, ", "));
  return kDone;
}

}  // namespace

void add_cert_commands(CLI::App& top, Run& run) {
  auto* cert =
      top.add_subcommand("cert", "Make certificates for TLS, with an authority of your own");
  cert->require_subcommand(1);
  auto options = std::make_shared<CertOptions>();

  auto* init = cert->add_subcommand("init", "Make a private authority");
  auto founding = std::make_shared<CertOptions>();
  founding->name = "polis authority";
  founding->days = kAuthorityDays;
  founding->add_to(*init);
  founding->add_days(*init);
  init->add_option("--name", founding->name, "its common name")->capture_default_str();
  init->callback([=, &run] { run = [=] { return run_init(*founding); }; });

  auto* issue =
      cert->add_subcommand("issue", "Make a key and a certificate for a replica or a client");
  issue->footer(
      "Examples:\n"
      "  polis cert issue a --host a.example,10.0.0.1,127.0.0.1   # a replica\n"
      "  polis cert issue alice                                    # a client\n"
      "  polis cert issue a --renew                                # before it ends");
  issue->add_option("NAME", options->name, "common name, and of the files")->required();
  issue
      ->add_option("--host", options->hosts,
                   "names and IP addresses by which others reach it, with commas between; none: a "
                   "client")
      ->delimiter(',');
  issue->add_flag("--renew", options->renew,
                  "replace the certificate of this name, for the same hosts unless --host names "
                  "others; the old one stays valid until it ends");
  options->add_to(*issue);
  options->add_days(*issue);
  issue->callback([=, &run] { run = [=] { return run_issue(*options); }; });

  auto* list = cert->add_subcommand("list", "Show the certificates, and how long they are valid");
  options->add_to(*list);
  list->callback([=, &run] { run = [=] { return run_list(*options); }; });

  auto* revoke = cert->add_subcommand("revoke", "Put a certificate on the revocation list");
  revoke->add_option("NAME", options->name, "of the certificate")->required();
  options->add_to(*revoke);
  revoke->callback([=, &run] { run = [=] { return run_revoke(*options); }; });
}

}  // namespace polis::cli
