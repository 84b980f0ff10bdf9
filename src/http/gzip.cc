#include "http/gzip.hh"

#include <zlib.h>

namespace polis::http {
namespace {

// 15: the largest window; 16: gzip, not zlib.
constexpr int kGzipWindow = 15 + 16;
constexpr std::size_t kStepBytes = 64 << 10;

}  // namespace

Gunzip gunzip(std::string_view compressed, std::size_t bytes_max, std::string& out) {
  out.clear();
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return Gunzip::kCorrupt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  int result = Z_OK;
  while (result == Z_OK && out.size() <= bytes_max) {
    const std::size_t before = out.size();
    out.resize(before + kStepBytes);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = kStepBytes;
    result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (out.size() > bytes_max) return Gunzip::kTooLarge;
  return result == Z_STREAM_END && stream.avail_in == 0 ? Gunzip::kDone : Gunzip::kCorrupt;
}

}  // namespace polis::http
