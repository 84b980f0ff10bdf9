#pragma once

// The JSON gateway: every method of the server as POST, for clients that speak no gRPC. The answers
// are those of etcd's gateway: same paths, bodies, and status codes. A stream is one object a line;
// it is answered as soon as there is something to say, also while the request goes on.
//
// Where it differs from etcd's: what cannot be read in the middle of a stream ends the stream with
// an error, instead of silence.
//
// Threads: the loop's. Life: add routes -> the server listens.

#include <memory>
#include <string>

#include "http/server.hh"
#include "io/loop.hh"
#include "json/schema.hh"

namespace polis::json {

// What a call needs to know of its method.
struct Route {
  const http::Method* method;  // null: it is not served; told as UNIMPLEMENTED
  std::string grpc_path;
  const Schema* request;
  const Schema* response;
};

class Gateway {
 public:
  struct Limits {
    std::size_t message_bytes_max = 2 << 20;  // of a request, in wire form
    std::size_t body_bytes_max = 4 << 20;     // of a request, as JSON
  };
  Gateway(http::Server& server, io::Loop& loop, Limits limits);

  // `path` as "/v3/kv/range", `grpc_path` as "/etcdserverpb.KV/Range". The method's messages are
  // those of the service's descriptor. What is below /v3/ is below /v3beta/, too: so it was called
  // before etcd 3.4, and there are clients that have kept the name.
  void add(const std::string& path, const std::string& grpc_path);
  // Every method of the service, at PREFIX/method in lower case.
  void add_service(const std::string& prefix, const std::string& service);
  void add_service(const std::string& prefix, const google::protobuf::ServiceDescriptor& service);

 private:
  void begin(const Route& route, const http::ExchangePtr& exchange, const http::Request& request);

  http::Server& server_;
  io::Loop& loop_;
  Limits limits_;
  Schemas schemas_;
};

// The routes of etcd's gateway.
void add_etcd_routes(Gateway& gateway);

}  // namespace polis::json
