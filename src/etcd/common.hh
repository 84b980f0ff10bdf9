#pragma once

// What the etcd services share: the context of a service, the response header, and how a status is
// sent.
//
// Threads: the loop's.

#include <string>

#include "etcd/long_reads.hh"
#include "http/server.hh"
#include "replica/replica.hh"

namespace polis::etcd {

// What a service needs. The references outlive the service.
struct Context {
  replica::Replica& replica;
  std::uint64_t cell_id;
  std::uint64_t member_id;
  LongReads& long_reads;
};

// Appends field 1 of every response: the ResponseHeader in wire form, with this revision.
void append_header(std::string& out, const Context& context, std::uint64_t revision);

inline http::GrpcStatus to_grpc(const store::Status& status) {
  return {static_cast<int>(status.code), status.text};
}

// Ends the call with the reply: header and body, or the status that is not OK. Precondition:
// reply.answer is null.
void answer(const http::CallPtr& call, const Context& context, const store::Reply& reply);

}  // namespace polis::etcd
