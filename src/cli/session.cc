#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/cli.hh"

namespace polis::cli {

void Target::add_to(CLI::App& app) {
  app.add_option("--endpoints,-e", endpoints,
                 "HOST:PORT of one or more replicas, with commas between")
      ->envname("POLIS_ENDPOINTS")
      ->capture_default_str();
  app.add_option("--timeout", timeout_seconds, "seconds to wait for an answer")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  app.add_option("-o,--output", output, "text or json")
      ->check(CLI::IsMember({"text", "table", "json"}))
      ->capture_default_str();
}

int complain(const Error& error) {
  fmt::print(stderr, "polis: {}\n", error.text);
  return error.code == ErrorCode::kInvalid ? kWrongUsage : kRefused;
}

int complain(const http::GrpcStatus& status) {
  if (status.message.find("cannot connect") != std::string::npos) {
    fmt::print(stderr,
               "polis: {}\n"
               "Is a replica running there? `polis dev` starts one; --endpoints names others.\n",
               status.message);
    return kRefused;
  }
  std::string text =
      status.message.empty() ? fmt::format("gRPC status {}", status.code) : status.message;
  fmt::print(stderr, "{}{}\n", text.starts_with("polis: ") ? "" : "polis: ", text);
  return kRefused;
}

Result<std::unique_ptr<Session>> Session::open(const Target& target) {
  auto endpoints = client::parse_endpoints(target.endpoints);
  if (!endpoints) return std::unexpected(endpoints.error());
  auto session = std::make_unique<Session>();
  session->client_ =
      std::make_unique<client::Client>(session->reactor_, client::Options{.endpoints = *endpoints});
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

void print_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  fmt::print("{}\n", status.ok() ? text : "{}");
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

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c < 0x20) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out.push_back(static_cast<char>(c));
    }
  }
  return out + "\"";
}

}  // namespace polis::cli
