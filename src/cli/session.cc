#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>

#include "cli/cli.hh"
#include "cli/json.hh"

namespace polis::cli {

void Target::add_to(CLI::App& app) {
  app.add_option("--endpoints,-e", endpoints,
                 "HOST:PORT, https://HOST:PORT, unix:///PATH or unixs:///PATH of one or more "
                 "replicas, with "
                 "commas between")
      ->envname("POLIS_ENDPOINTS")
      ->capture_default_str();
  app.add_option("--timeout", timeout_seconds, "seconds to wait for an answer")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  app.add_option("--cacert", cacert,
                 "authorities of the replicas' certificates, PEM; with it, endpoints without "
                 "http:// in front speak TLS")
      ->envname("POLIS_CACERT")
      ->type_name("FILE");
  app.add_option("--cert", cert, "own certificate, PEM")->envname("POLIS_CERT")->type_name("FILE");
  app.add_option("--key", key, "its key")->envname("POLIS_KEY")->type_name("FILE");
  app.add_flag("--insecure-skip-tls-verify", insecure_skip_tls_verify,
               "take any certificate: for tests alone");
  app.add_option("-o,--output", output, "text or json")
      ->check(CLI::IsMember({"text", "table", "json"}))
      ->capture_default_str();
}

io::NoScheme Target::no_scheme() const {
  const bool tls = !cacert.empty() || !cert.empty() || insecure_skip_tls_verify;
  return tls && !told_by_members ? io::NoScheme::kTls : io::NoScheme::kPlain;
}

namespace {

// gRPC's codes that http/grpc.hh has no use for.
constexpr int kNotFound = 5, kFailedPrecondition = 9, kDataLoss = 15;

ErrorForm error_form = ErrorForm::kText;

// gRPC's name of the code.
std::string name_of(int code) {
  static constexpr std::array<const char*, 17> names{"OK",
                                                     "CANCELLED",
                                                     "UNKNOWN",
                                                     "INVALID_ARGUMENT",
                                                     "DEADLINE_EXCEEDED",
                                                     "NOT_FOUND",
                                                     "ALREADY_EXISTS",
                                                     "PERMISSION_DENIED",
                                                     "RESOURCE_EXHAUSTED",
                                                     "FAILED_PRECONDITION",
                                                     "ABORTED",
                                                     "OUT_OF_RANGE",
                                                     "UNIMPLEMENTED",
                                                     "INTERNAL",
                                                     "UNAVAILABLE",
                                                     "DATA_LOSS",
                                                     "UNAUTHENTICATED"};
  const auto at = static_cast<std::size_t>(code);
  return code >= 0 && at < names.size() ? names.at(at) : std::to_string(code);
}

int code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return static_cast<int>(http::GrpcCode::kInvalidArgument);
    case ErrorCode::kNotFound:
      return kNotFound;
    case ErrorCode::kUnavailable:
      return static_cast<int>(http::GrpcCode::kUnavailable);
    case ErrorCode::kCorrupt:
      return kDataLoss;
    default:
      return static_cast<int>(http::GrpcCode::kUnknown);
  }
}

void say(int code, const std::string& text) {
  if (error_form == ErrorForm::kJson) {
    fmt::print(stderr, "{{\"error\":{{\"code\":\"{}\",\"message\":{}}}}}\n", name_of(code),
               json_string(text));
  } else {
    fmt::print(stderr, "{}{}\n", text.starts_with("polis: ") ? "" : "polis: ", text);
  }
}

}  // namespace

void set_error_form(ErrorForm form) { error_form = form; }

void note(const std::string& text) {
  if (error_form == ErrorForm::kJson) {
    fmt::print(stderr, "{{\"note\":{}}}\n", json_string(text));
  } else {
    fmt::print(stderr, "polis: {}\n", text);
  }
}

int refuse(const std::string& text) {
  say(kFailedPrecondition, text);
  return kRefused;
}

int complain(const Error& error) {
  say(code_of(error.code), error.text);
  return error.code == ErrorCode::kInvalid ? kWrongUsage : kRefused;
}

int complain(const http::GrpcStatus& status) {
  std::string text =
      status.message.empty() ? fmt::format("gRPC status {}", status.code) : status.message;
  if (status.refused) {
    text +=
        "\nIs a replica running there? `polis dev` starts one; --endpoints names others; `polis "
        "cell wait` waits until one that has just been started serves.";
  }
  say(status.code, text);
  return kRefused;
}

Result<std::unique_ptr<Session>> Session::open(const Target& target) {
  auto endpoints = client::parse_endpoints(target.endpoints, target.no_scheme());
  if (!endpoints) return std::unexpected(endpoints.error());
  auto session = std::make_unique<Session>();
  // Only where they are needed: to read the authorities of the system takes longer than a call.
  if (std::any_of(endpoints->begin(), endpoints->end(), [](const auto& one) { return one.tls; })) {
    auto credentials = tls::Credentials::load({target.cert, target.key, target.cacert, ""},
                                              {.verify_nobody = target.insecure_skip_tls_verify});
    if (!credentials) return std::unexpected(credentials.error());
    session->credentials_ = std::move(*credentials);
  }
  session->network_ = std::make_unique<tls::Network>(session->reactor_, session->reactor_.network(),
                                                     session->credentials_.get());
  session->client_ = std::make_unique<client::Client>(session->reactor_, *session->network_,
                                                      client::Options{.endpoints = *endpoints});
  session->timeout_ = target.timeout();
  return session;
}

http::GrpcStatus Session::call(const std::string& path, const google::protobuf::Message& request,
                               google::protobuf::Message& response) {
  http::GrpcStatus result;
  client_->call(
      path, request.SerializeAsString(), timeout_,
      [&](const http::GrpcStatus& status, std::string_view bytes) {
        result = status;
        if (status.ok() && !response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
          result = http::grpc_status(http::GrpcCode::kInternal, "the answer cannot be read");
        }
        reactor_.stop();
      });
  reactor_.run();
  return result;
}

std::string endpoints_of(const etcdserverpb::Member& member) {
  std::string all;
  for (const std::string& url : member.clienturls()) {
    const std::size_t scheme = url.starts_with("http://") ? 7 : 0;
    all += (all.empty() ? "" : ",") + url.substr(scheme);
  }
  return all;
}

Result<std::vector<KnownMember>> known_members(const Target& target, http::GrpcStatus& refused) {
  auto session = Session::open(target);
  if (!session) return std::unexpected(session.error());
  etcdserverpb::MemberListResponse list;
  // Not linearizable: it has to work without a quorum.
  refused =
      (*session)->call("/etcdserverpb.Cluster/MemberList", etcdserverpb::MemberListRequest(), list);
  std::vector<KnownMember> members;
  bool all_told = true;
  for (const etcdserverpb::Member& member : list.members()) {
    members.push_back({member, endpoints_of(member)});
    all_told = all_told && !members.back().endpoints.empty();
  }
  if (all_told) return members;
  const auto named = client::parse_endpoints(target.endpoints, target.no_scheme());
  for (const io::Address& address : *named) {
    const std::string endpoint = address.text();
    KnownMember candidate{{}, endpoint};
    auto single = Session::open(target_of(target, candidate));
    etcdserverpb::StatusResponse status;
    if (!single ||
        !(*single)
             ->call("/etcdserverpb.Maintenance/Status", etcdserverpb::StatusRequest(), status)
             .ok())
      continue;
    for (KnownMember& one : members) {
      if (one.member.id() == status.header().member_id() && one.endpoints.empty())
        one.endpoints = endpoint;
    }
  }
  return members;
}

Target target_of(const Target& target, const KnownMember& one) {
  Target single = target;
  single.endpoints = one.endpoints;
  single.told_by_members = true;
  single.timeout_seconds = std::min(target.timeout_seconds, 2.0);
  return single;
}

void print_json(const google::protobuf::Message& message) {
  fmt::print("{}\n", to_json(message));
  std::fflush(stdout);
}

std::string printable(const std::string& bytes) {
  std::string out;
  for (unsigned char c : bytes) {
    if (c >= 0x20 && c != 0x7f) {
      out.push_back(static_cast<char>(c));
    } else if (c == '\n' || c == '\t') {
      out.push_back(static_cast<char>(c));
    } else {
      out += fmt::format("\\x{:02x}", c);
    }
  }
  return out;
}

}  // namespace polis::cli
