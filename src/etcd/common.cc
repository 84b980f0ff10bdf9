#include "etcd/common.hh"

namespace polis::etcd {

void append_header(std::string& out, const Context& context, std::uint64_t revision) {
  std::string header;
  store::append_tag_varint(header, 1, context.cell_id);
  store::append_tag_varint(header, 2, context.member_id);
  store::append_tag_varint(header, 3, revision);
  store::append_tag_varint(header, 4, context.replica.status_role().term.value);
  store::append_tag_bytes(out, 1, header);
}

void answer(const http::CallPtr& call, const Context& context, const store::Reply& reply) {
  if (!reply.status.ok()) return call->finish(to_grpc(reply.status));
  std::string bytes;
  bytes.reserve(reply.body.size() + 48);
  append_header(bytes, context, reply.revision);
  bytes += reply.body;
  call->reply(bytes);
}

}  // namespace polis::etcd
