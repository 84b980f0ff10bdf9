#include "etcd/auth.hh"

#include "api/etcd/rpc.pb.h"

namespace polis::etcd {
namespace {

constexpr int kFailedPrecondition = 9;

// etcd counts changes of users and roles from here.
constexpr std::uint64_t kFirstAuthRevision = 1;

struct Refused {
  const char* method;
  int code;
  const char* text;
};

constexpr const char* kNotEnabled = "etcdserver: authentication is not enabled";
constexpr const char* kNoUser = "etcdserver: user name not found";
constexpr const char* kNoRole = "etcdserver: role name not found";
constexpr const char* kAbsent =
    "polis: there is no access control yet: users and roles cannot be made";

constexpr Refused kRefused[] = {
    {"Authenticate", kFailedPrecondition, kNotEnabled},
    {"AuthEnable", kFailedPrecondition, "etcdserver: root user does not exist"},
    {"UserGet", kFailedPrecondition, kNoUser},
    {"UserDelete", kFailedPrecondition, kNoUser},
    {"UserChangePassword", kFailedPrecondition, kNoUser},
    {"UserGrantRole", kFailedPrecondition, kNoUser},
    {"UserRevokeRole", kFailedPrecondition, kNoUser},
    {"RoleGet", kFailedPrecondition, kNoRole},
    {"RoleDelete", kFailedPrecondition, kNoRole},
    {"RoleGrantPermission", kFailedPrecondition, kNoRole},
    {"RoleRevokePermission", kFailedPrecondition, kNoRole},
    {"UserAdd", static_cast<int>(http::GrpcCode::kUnimplemented), kAbsent},
    {"RoleAdd", static_cast<int>(http::GrpcCode::kUnimplemented), kAbsent},
};

std::string path(const std::string& method) { return "/etcdserverpb.Auth/" + method; }

}  // namespace

AuthService::AuthService(Context context, http::Server& server) : context_(context) {
  for (const Refused& one : kRefused) {
    server.add_unary(path(one.method), [&one](const http::CallPtr& call, std::string_view) {
      call->finish({one.code, one.text});
    });
  }
  server.add_unary(path("AuthStatus"), [this](const http::CallPtr& call, std::string_view) {
    etcdserverpb::AuthStatusResponse response;
    response.set_authrevision(kFirstAuthRevision);
    answer(call, context_, {{}, response.SerializeAsString(), context_.replica.store().revision()});
  });
  // Nothing to disable; no users and no roles.
  for (const char* method : {"AuthDisable", "UserList", "RoleList"}) {
    server.add_unary(path(method), [this](const http::CallPtr& call, std::string_view) {
      answer(call, context_, {{}, {}, context_.replica.store().revision()});
    });
  }
}

}  // namespace polis::etcd
