#include "peers/frame.hh"

#include "base/crc32c.hh"

namespace polis::peers {
namespace {

constexpr std::string_view kMagic = "POLISPEER";

}  // namespace

std::string encode(const Greeting& greeting) {
  std::string bytes(kMagic);
  Writer out(bytes);
  out.u32(greeting.protocol);
  out.u64(greeting.cell);
  out.u64(greeting.from.value);
  out.u64(greeting.to.value);
  out.string(greeting.name);
  out.string(greeting.client_address);
  out.string(greeting.version);
  out.u8(greeting.blank ? 1 : 0);
  out.u32(greeting.cell_version);
  out.u8(static_cast<std::uint8_t>(greeting.consensus));
  out.u8(greeting.answers ? 1 : 0);
  return bytes;
}

std::optional<Greeting> decode_greeting(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return std::nullopt;
  Reader in(bytes.substr(kMagic.size()));
  Greeting greeting;
  greeting.protocol = in.u32();
  greeting.cell = in.u64();
  greeting.from = consensus::ReplicaId(in.u64());
  greeting.to = consensus::ReplicaId(in.u64());
  greeting.name = in.string();
  greeting.client_address = in.string();
  greeting.version = in.string();
  if (!in.ok()) return std::nullopt;
  // More may follow from a newer release, and less from an older one.
  greeting.blank = in.remaining() > 0 && in.u8() != 0;
  if (in.remaining() >= 4) greeting.cell_version = in.u32();
  if (in.remaining() > 0) greeting.consensus = static_cast<consensus::Protocol>(in.u8());
  greeting.answers = in.remaining() > 0 && in.u8() == 1;
  return greeting;
}

std::string encode(const Refusal& refusal) {
  std::string bytes;
  Writer out(bytes);
  out.u8(static_cast<std::uint8_t>(refusal.reason));
  out.string(refusal.text);
  out.string(refusal.join);
  return bytes;
}

std::optional<Refusal> decode_refusal(std::string_view bytes) {
  Reader in(bytes);
  Refusal refusal;
  std::uint8_t reason = in.u8();
  if (reason <= static_cast<std::uint8_t>(Refusal::Reason::kMustJoin))
    refusal.reason = static_cast<Refusal::Reason>(reason);
  refusal.text = in.string();
  if (!in.ok()) return std::nullopt;
  // More may follow from a newer release, and less from an older one.
  if (in.remaining() > 0) refusal.join = in.string();
  if (!in.ok()) return std::nullopt;
  return refusal;
}

void append_frame(std::string& out, std::string_view bytes) {
  Writer writer(out);
  writer.u32(static_cast<std::uint32_t>(bytes.size()));
  writer.u32(crc32c(bytes));
  out += bytes;
}

Result<std::optional<std::string_view>> FrameReader::next(std::uint32_t bytes_max) {
  std::string_view rest = std::string_view(buffer_).substr(at_);
  Reader in(rest);
  std::uint32_t length = in.u32(), crc = in.u32();
  if (in.ok() && length > bytes_max)
    return fail(ErrorCode::kCorrupt, "a frame announces more bytes than any may have");
  if (!in.ok() || in.remaining() < length) {
    buffer_.erase(0, at_);
    at_ = 0;
    return std::nullopt;
  }
  std::string_view frame = in.take(length);
  if (crc32c(frame) != crc) return fail(ErrorCode::kCorrupt, "a frame fails its checksum");
  at_ += kFrameHeaderBytes + length;
  return frame;
}

}  // namespace polis::peers
