#include "store/command.hh"

namespace polis::store {

void Bundle::add(CommandKind kind, std::string_view bytes) {
  Writer out(commands_);
  out.u8(static_cast<std::uint8_t>(kind));
  out.string(bytes);
  ++count_;
}

void Bundle::take(const Origin& origin, std::string& out) {
  Writer writer(out);
  writer.varint(origin.replica.value);
  writer.u64(origin.incarnation);
  writer.varint(origin.bundle);
  writer.varint(count_);
  out += commands_;
  commands_.clear();
  count_ = 0;
}

void encode(Writer& out, const Mastership& mastership) {
  out.varint(mastership.term.value);
  out.varint(mastership.master.value);
}

bool decode(Reader& in, Mastership& mastership) {
  mastership.term = consensus::Term(in.varint());
  mastership.master = ReplicaId(in.varint());
  return in.ok();
}

std::string encode(const Decision& decision) {
  std::string bytes;
  Writer out(bytes);
  encode(out, decision.by);
  out.u8(static_cast<std::uint8_t>(decision.command.kind));
  bytes += decision.command.bytes;
  return bytes;
}

std::optional<Decision> decode_decision(std::string_view bytes) {
  Reader in(bytes);
  Decision decision;
  if (!decode(in, decision.by)) return std::nullopt;
  const std::uint8_t kind = in.u8();
  decision.command = {static_cast<CommandKind>(kind), in.take(in.remaining())};
  const bool known = kind >= 1 && decision.command.kind < CommandKind::kMastership;
  return in.ok() && known ? std::optional(decision) : std::nullopt;
}

bool BundleReader::next(Origin& origin, std::vector<Command>& commands) {
  commands.clear();
  if (!in_.ok() || in_.remaining() == 0) return false;
  origin.replica = ReplicaId(in_.varint());
  origin.incarnation = in_.u64();
  origin.bundle = in_.varint();
  std::uint64_t count = in_.varint();
  if (!in_.ok() || count > in_.remaining()) return malformed_ = true, false;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint8_t kind = in_.u8();
    std::string_view bytes = in_.string();
    if (!in_.ok() || kind < 1 || kind > kCommandKindLast) return malformed_ = true, false;
    commands.push_back({static_cast<CommandKind>(kind), bytes});
  }
  return true;
}

}  // namespace polis::store
