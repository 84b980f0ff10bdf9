#include "cell/tls_settings.hh"

#include <gtest/gtest.h>

namespace polis::cell {
namespace {

Result<Settings> parse(const std::map<std::string, std::string>& flags) {
  auto values = host::collect_settings(setting_infos(), "", flags, {});
  EXPECT_TRUE(values.has_value());
  return parse_settings(*values);
}

const std::map<std::string, std::string> kPeers{
    {"peer-cert-file", "/a.crt"}, {"peer-key-file", "/a.key"}, {"peer-trusted-ca-file", "/ca.crt"}};

std::map<std::string, std::string> with(std::map<std::string, std::string> flags,
                                        const std::map<std::string, std::string>& more) {
  flags.insert(more.begin(), more.end());
  return flags;
}

TEST(TlsSettings, with_certificates_addresses_without_a_scheme_speak_tls) {
  auto settings = parse(with(kPeers, {{"cert-file", "/a.crt"},
                                      {"key-file", "/a.key"},
                                      {"client", "10.0.0.1:2379,http://127.0.0.1:2378"},
                                      {"peer", "10.0.0.1:2380"},
                                      {"initial", "default=10.0.0.1:2380,b=10.0.0.2:2380"}}));
  ASSERT_TRUE(settings.has_value()) << settings.error().text;
  EXPECT_TRUE(settings->clients[0].tls);
  EXPECT_FALSE(settings->clients[1].tls);
  EXPECT_EQ(settings->client_text, "https://10.0.0.1:2379,127.0.0.1:2378");
  EXPECT_EQ(settings->peer_text, "https://10.0.0.1:2380");
  EXPECT_TRUE(settings->founders[1].address.tls);
}

TEST(TlsSettings, what_does_not_fit_together_is_refused_by_name) {
  struct Case {
    std::map<std::string, std::string> flags;
    const char* says;
  };
  for (const Case& one : {
           Case{{{"cert-file", "/a.crt"}}, "'cert-file' and 'key-file' are given together"},
           Case{{{"peer-key-file", "/a.key"}}, "'peer-cert-file' and 'peer-key-file'"},
           Case{{{"client", "https://127.0.0.1:1"}}, "https:// needs 'cert-file'"},
           Case{{{"peer", "https://127.0.0.1:1"}}, "https:// needs 'peer-cert-file'"},
           Case{{{"client-cert-auth", "true"}}, "needs 'trusted-ca-file'"},
           Case{{{"client-cert-auth", "yes"}}, "must be true or false"},
           Case{{{"client-cert-allowed-cn", "a"}}, "client-cert-auth: true"},
           Case{{{"peer-cert-file", "/a"}, {"peer-key-file", "/k"}},
                "needs 'peer-trusted-ca-file'"},
       }) {
    auto settings = parse(one.flags);
    ASSERT_FALSE(settings.has_value()) << one.says;
    EXPECT_NE(settings.error().text.find(one.says), std::string::npos) << settings.error().text;
  }
}

TEST(TlsSettings, plain_text_beyond_this_machine_is_said_loudly) {
  struct Case {
    std::map<std::string, std::string> flags;
    const char* names;  // nullptr: no warning
  };
  const std::map<std::string, std::string> clients{{"cert-file", "/a"}, {"key-file", "/k"}};
  for (const Case& one : {
           Case{{}, nullptr},
           Case{{{"client", "unix:///run/x"}}, nullptr},
           Case{{{"client", "10.0.0.1:2379"}}, "10.0.0.1:2379"},
           Case{{{"client", ":2379"}, {"advertise-client", "10.0.0.1:2379"}}, ":2379"},
           Case{with(clients, {{"client", "10.0.0.1:2379"}}), nullptr},
           Case{with(clients, {{"client", "http://10.0.0.1:2379"}}), "10.0.0.1:2379"},
           Case{{{"peer", "10.0.0.1:2380"}, {"initial", "default=10.0.0.1:2380,b=10.0.0.2:2380"}},
                "10.0.0.1:2380"},
           Case{with(kPeers, {{"peer", "10.0.0.1:2380"},
                              {"initial", "default=10.0.0.1:2380,b=10.0.0.2:2380"}}),
                nullptr},
           Case{{{"initial", "default=127.0.0.1:2380,b=127.0.0.1:2381"}}, nullptr},
       }) {
    auto settings = parse(one.flags);
    ASSERT_TRUE(settings.has_value()) << settings.error().text;
    const std::string warning = plain_text_warning(*settings);
    if (one.names == nullptr) {
      EXPECT_EQ(warning, "");
    } else {
      EXPECT_NE(warning.find(one.names), std::string::npos) << warning;
    }
  }
}

// Members a, b, ... with these peer addresses.
consensus::Configuration cell_of(const std::vector<std::string>& peers) {
  consensus::Configuration cell;
  for (std::size_t i = 0; i < peers.size(); ++i)
    cell.put({.id = consensus::ReplicaId(i + 1), .peer = peers[i]});
  return cell;
}

TEST(TlsSettings, a_member_gets_no_peer_address_that_contradicts_the_cell) {
  constexpr consensus::ReplicaId kNew{}, kA{1};
  TlsSettings with_certificates;
  with_certificates.files.certificate = "/a.crt";
  const std::vector<std::string> tls{"https://10.0.0.1:2380", "https://10.0.0.2:2380"};
  const std::vector<std::string> plain{"10.0.0.1:2380", "10.0.0.2:2380"};
  const std::vector<std::string> half{"10.0.0.1:2380", "https://10.0.0.2:2380"};
  struct Case {
    TlsSettings own;
    std::vector<std::string> peers;
    consensus::ReplicaId whose;
    const char* address;
    const char* says;  // nullptr: it may
  };
  for (const Case& one : {
           Case{with_certificates, tls, kNew, "https://10.0.0.3:2380", nullptr},
           Case{with_certificates, tls, kNew, "http://10.0.0.3:2380",
                "write https://10.0.0.3:2380"},
           Case{with_certificates, tls, kA, "http://10.0.0.3:2380", "write https://10.0.0.3:2380"},
           Case{{}, plain, kNew, "http://10.0.0.3:2380", nullptr},
           Case{{}, plain, kNew, "https://10.0.0.3:2380", "write http://10.0.0.3:2380"},
           Case{{}, plain, kA, "https://10.0.0.3:2380", "--peer-cert-file"},
           // On the way to TLS, and a cell of one that goes back.
           Case{with_certificates, half, kNew, "http://10.0.0.3:2380", nullptr},
           Case{with_certificates, half, kA, "http://10.0.0.3:2380", nullptr},
           Case{with_certificates, plain, kA, "https://10.0.0.1:2380", nullptr},
           Case{with_certificates, {"https://10.0.0.1:2380"}, kA, "http://10.0.0.1:2380", nullptr},
       }) {
    const std::string wrong =
        wrong_scheme(one.own, cell_of(one.peers), one.whose, *io::parse_address(one.address));
    if (one.says == nullptr) {
      EXPECT_EQ(wrong, "") << one.address;
    } else {
      EXPECT_NE(wrong.find(one.says), std::string::npos) << one.address << ": " << wrong;
    }
  }
}

}  // namespace
}  // namespace polis::cell
