#include "json/gateway.hh"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/empty.pb.h>

#include <algorithm>

#include "api/etcd/rpc.pb.h"
#include "api/etcd/v3election.pb.h"
#include "api/etcd/v3lock.pb.h"
#include "base/check.hh"
#include "json/call.hh"

namespace polis::json {
namespace {

using http::GrpcCode;

constexpr std::string_view kMetadataPrefix = "grpc-metadata-";

// "/package.Service/Method".
const google::protobuf::MethodDescriptor* find_method(const std::string& grpc_path) {
  std::string name = grpc_path.substr(1);
  std::replace(name.begin(), name.end(), '/', '.');
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
}

// What a client says as Grpc-Metadata-NAME is metadata NAME; Authorization is itself.
http::Metadata metadata_of(const http::Fields& fields) {
  http::Metadata metadata;
  for (const auto& [name, value] : fields) {
    if (name.starts_with(kMetadataPrefix)) {
      metadata.emplace_back(name.substr(kMetadataPrefix.size()), value);
    } else if (name == "authorization") {
      metadata.emplace_back(name, value);
    }
  }
  return metadata;
}

// What Grpc-Timeout says: zero for none, negative for one that has passed. Nothing: it says
// nothing.
std::optional<Duration> timeout_of(std::string_view text) {
  if (text.empty()) return Duration::zero();
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  // More digits than gRPC has are fine here, and mean as much as the largest number that it has.
  constexpr std::size_t kDigitsMax = 8;
  const std::string longest =
      std::string(kDigitsMax, '9').append(text.substr(std::min(digits, text.size())));
  const auto length = http::parse_grpc_timeout(digits > kDigitsMax ? longest : text);
  return length && negative ? -*length : length;
}

}  // namespace

Gateway::Gateway(http::Server& server, io::Loop& loop, Limits limits)
    : server_(server), loop_(loop), limits_(limits) {
  for (const char* prefix : {"/v3/", "/v3beta/"})
    server.router().add_prefix(prefix, [](const http::ExchangePtr& exchange, const http::Request&) {
      respond_with_error(*exchange, {5, "Not Found"});
    });
}

void Gateway::add(const std::string& path, const std::string& grpc_path) {
  Route route{server_.methods().find(grpc_path), grpc_path, nullptr, nullptr};
  if (const auto* method = find_method(grpc_path)) {
    route.request = &schemas_.of(*method->input_type());
    route.response = &schemas_.of(*method->output_type());
  }
  // The Auth service is not in the .proto files: it reads no request, and what it answers is a
  // status, or begins with a header as AuthStatusResponse does.
  if (route.request == nullptr) {
    route.request = &schemas_.of(*google::protobuf::Empty::descriptor());
    route.response = &schemas_.of(*etcdserverpb::AuthStatusResponse::descriptor());
  }
  CHECK(route.request->complete);
  const auto handler = [this, route](const http::ExchangePtr& exchange,
                                     const http::Request& request) {
    begin(route, exchange, request);
  };
  server_.router().add(path, handler);
  if (path.starts_with("/v3/")) server_.router().add("/v3beta" + path.substr(3), handler);
}

void Gateway::add_service(const std::string& prefix, const std::string& service) {
  const auto* found =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service);
  CHECK(found != nullptr);
  add_service(prefix, *found);
}

void Gateway::add_service(const std::string& prefix,
                          const google::protobuf::ServiceDescriptor& service) {
  for (int i = 0; i < service.method_count(); ++i) {
    std::string name = service.method(i)->name();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    add(prefix + "/" + name, "/" + service.full_name() + "/" + service.method(i)->name());
  }
}

void Gateway::begin(const Route& route, const http::ExchangePtr& exchange,
                    const http::Request& request) {
  if (request.method != "POST") return respond_with_error(*exchange, {12, "Method Not Allowed"});
  if (route.method == nullptr)
    return respond_with_error(*exchange, {12, fmt::format("unknown method {}", route.grpc_path)});
  const auto timeout = http::find_field(request.fields, "grpc-timeout");
  const auto length = timeout_of(timeout);
  if (!length)
    return respond_with_error(*exchange, {3, fmt::format("invalid grpc-timeout: {}", timeout)});
  auto call = std::make_shared<Call>(server_.calls(), exchange, route, limits_);
  exchange->set_handler(call);
  if (*length < Duration::zero())
    return call->finish(
        http::grpc_status(GrpcCode::kDeadlineExceeded, "context deadline exceeded"));
  if (*length > Duration::zero())
    server_.calls().deadlines.add(
        *call, loop_.now() + std::min<Duration>(*length, std::chrono::hours(24 * 365)));
  if (auto refusal = server_.methods().intercept(call, metadata_of(request.fields)))
    return call->finish(*refusal);
  if (route.method->stream) route.method->stream(call);
}

void add_etcd_routes(Gateway& gateway) {
  // Path and method; some have two paths. etcd has no path for RangeStream.
  static constexpr std::pair<const char*, const char*> kRoutes[] = {
      {"kv/range", "KV/Range"},
      {"kv/put", "KV/Put"},
      {"kv/deleterange", "KV/DeleteRange"},
      {"kv/txn", "KV/Txn"},
      {"kv/compaction", "KV/Compact"},
      {"watch", "Watch/Watch"},
      {"lease/grant", "Lease/LeaseGrant"},
      {"lease/revoke", "Lease/LeaseRevoke"},
      {"lease/keepalive", "Lease/LeaseKeepAlive"},
      {"lease/timetolive", "Lease/LeaseTimeToLive"},
      {"lease/leases", "Lease/LeaseLeases"},
      {"kv/lease/revoke", "Lease/LeaseRevoke"},
      {"kv/lease/timetolive", "Lease/LeaseTimeToLive"},
      {"kv/lease/leases", "Lease/LeaseLeases"},
      {"cluster/member/add", "Cluster/MemberAdd"},
      {"cluster/member/remove", "Cluster/MemberRemove"},
      {"cluster/member/update", "Cluster/MemberUpdate"},
      {"cluster/member/list", "Cluster/MemberList"},
      {"cluster/member/promote", "Cluster/MemberPromote"},
      {"maintenance/alarm", "Maintenance/Alarm"},
      {"maintenance/status", "Maintenance/Status"},
      {"maintenance/defragment", "Maintenance/Defragment"},
      {"maintenance/hash", "Maintenance/Hash"},
      {"maintenance/hashkv", "Maintenance/HashKV"},
      {"maintenance/snapshot", "Maintenance/Snapshot"},
      {"maintenance/transfer-leadership", "Maintenance/MoveLeader"},
      {"maintenance/downgrade", "Maintenance/Downgrade"},
      {"auth/enable", "Auth/AuthEnable"},
      {"auth/disable", "Auth/AuthDisable"},
      {"auth/status", "Auth/AuthStatus"},
      {"auth/authenticate", "Auth/Authenticate"},
      {"auth/user/add", "Auth/UserAdd"},
      {"auth/user/get", "Auth/UserGet"},
      {"auth/user/list", "Auth/UserList"},
      {"auth/user/delete", "Auth/UserDelete"},
      {"auth/user/changepw", "Auth/UserChangePassword"},
      {"auth/user/grant", "Auth/UserGrantRole"},
      {"auth/user/revoke", "Auth/UserRevokeRole"},
      {"auth/role/add", "Auth/RoleAdd"},
      {"auth/role/get", "Auth/RoleGet"},
      {"auth/role/list", "Auth/RoleList"},
      {"auth/role/delete", "Auth/RoleDelete"},
      {"auth/role/grant", "Auth/RoleGrantPermission"},
      {"auth/role/revoke", "Auth/RoleRevokePermission"},
  };
  for (const auto& [path, method] : kRoutes)
    gateway.add(std::string("/v3/") + path, std::string("/etcdserverpb.") + method);
  gateway.add_service("/v3/lock", *v3lockpb::LockRequest::descriptor()->file()->service(0));
  gateway.add_service("/v3/election",
                      *v3electionpb::LeaderRequest::descriptor()->file()->service(0));
}

}  // namespace polis::json
