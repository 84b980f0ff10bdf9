#pragma once

// Calls of this server's own methods, for services that are made of other services: they pass the
// same checks, and cost the same, as calls from outside.
//
// Threads: the loop's. Life: outlives its calls and watches.

#include <google/protobuf/message_lite.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.hh"
#include "io/loop.hh"
#include "store/parse.hh"

namespace etcdserverpb {
class WatchCreateRequest;
class WatchResponse;
}  // namespace etcdserverpb

namespace polis::etcd {

class InnerCalls {
 public:
  // The methods are added to the server before they are called.
  InnerCalls(http::Server& server, io::Loop& loop) : server_(server), loop_(loop) {}

  io::Loop& loop() { return loop_; }
  // `done` once, also from within this call. `response` is empty unless the status is OK.
  void unary(std::string_view path, const google::protobuf::MessageLite& request,
             std::function<void(const http::GrpcStatus&, std::string_view response)> done);
  template <typename Response>
  void call(std::string_view path, const google::protobuf::MessageLite& request,
            std::function<void(const http::GrpcStatus&, Response&)> done) {
    unary(path, request,
          [done = std::move(done)](const http::GrpcStatus& status, std::string_view bytes) {
            Response response;
            CHECK(store::parse(response, bytes));  // our own service made it
            done(status, response);
          });
  }

  // Destroying it ends it; nothing is told afterwards.
  class Watch {
   public:
    virtual ~Watch() = default;
  };
  // Several watches on one stream. `news` is told of changes and of the end of a watch, which is
  // `canceled`, never from within this call. Creations are not told.
  using News = std::function<void(const etcdserverpb::WatchResponse&)>;
  [[nodiscard]] std::unique_ptr<Watch> watch(
      const std::vector<etcdserverpb::WatchCreateRequest>& creates, News news);

 private:
  http::Server& server_;
  io::Loop& loop_;
};

}  // namespace polis::etcd
