#pragma once

// What the etcd services share: the response header, and how a status travels.

#include <string>

#include "etcd/long_reads.hh"
#include "http/server.hh"
#include "replica/replica.hh"

namespace polis::etcd {

struct Context {
  replica::Replica& replica;
  std::uint64_t cell_id;
  std::uint64_t member_id;
  LongReads& long_reads;
};

// Field 1 of every response: ResponseHeader in wire form.
void append_header(std::string& out, const Context& context, std::uint64_t revision);

inline http::GrpcStatus to_grpc(const store::Status& status) {
  return {static_cast<int>(status.code), status.text};
}

// Ends the call with the reply: header and body, or the refusal.
void answer(const http::CallPtr& call, const Context& context, const store::Reply& reply);

}  // namespace polis::etcd
