#include "http/grpc.hh"

#include <fmt/format.h>

#include <charconv>

#include "http/gzip.hh"

namespace polis::http {

void append_grpc_prefix(std::string& out, std::uint64_t length) {
  char prefix[kGrpcPrefixBytes] = {0, static_cast<char>(length >> 24),
                                   static_cast<char>(length >> 16), static_cast<char>(length >> 8),
                                   static_cast<char>(length)};
  out.append(prefix, sizeof prefix);
}

std::size_t GrpcReader::length() const {
  const auto* p = reinterpret_cast<const unsigned char*>(buffer_.data() + at_);
  return static_cast<std::size_t>(p[1]) << 24 | static_cast<std::size_t>(p[2]) << 16 |
         static_cast<std::size_t>(p[3]) << 8 | p[4];
}

GrpcReader::Outcome GrpcReader::peek() const {
  if (held() < kGrpcPrefixBytes) return Outcome::kMore;
  const auto flag = static_cast<unsigned char>(buffer_[at_]);
  if (flag > 1 || (flag == 1 && encoding_ == GrpcEncoding::kIdentity)) return Outcome::kCompressed;
  if (length() > message_max_) return Outcome::kTooLarge;
  return held() < kGrpcPrefixBytes + length() ? Outcome::kMore : Outcome::kMessage;
}

std::size_t GrpcReader::held_behind_first() const {
  return peek() == Outcome::kMessage ? held() - kGrpcPrefixBytes - length() : 0;
}

GrpcReader::Outcome GrpcReader::next(std::string_view& message) {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  }
  const Outcome outcome = peek();
  if (outcome == Outcome::kMore && at_ > 0) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  if (outcome != Outcome::kMessage) return outcome;
  const bool compressed = buffer_[at_] != 0;
  const std::size_t length = this->length();
  message = std::string_view(buffer_).substr(at_ + kGrpcPrefixBytes, length);
  at_ += kGrpcPrefixBytes + length;
  if (!compressed) return Outcome::kMessage;
  switch (gunzip(message, message_max_, decompressed_)) {
    case Gunzip::kDone:
      message = decompressed_;
      return Outcome::kMessage;
    case Gunzip::kTooLarge:
      return Outcome::kTooLarge;
    case Gunzip::kCorrupt:
      break;
  }
  return Outcome::kCorrupt;
}

void GrpcReader::clear() {
  std::string().swap(buffer_);
  at_ = 0;
}

std::optional<Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, number);
  if (error != std::errc() || end != text.data() + text.size() - 1 || number < 0)
    return std::nullopt;
  using namespace std::chrono;
  switch (text.back()) {
    case 'H':
      return Duration(hours(std::min<std::int64_t>(number, 100'000)));
    case 'M':
      return Duration(minutes(std::min<std::int64_t>(number, 10'000'000)));
    case 'S':
      return Duration(seconds(number));
    case 'm':
      return Duration(milliseconds(number));
    case 'u':
      return Duration(microseconds(number));
    case 'n':
      return Duration(number);
    default:
      return std::nullopt;
  }
}

std::string format_grpc_timeout(Duration timeout) {
  auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return ms < 100'000'000 ? fmt::format("{}m", std::max<std::int64_t>(ms, 1))
                          : fmt::format("{}S", std::min<std::int64_t>(ms / 1000, 99'999'999));
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c >= 0x20 && c <= 0x7e && c != '%') {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() + 0 &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr ==
            text.data() + i + 3) {
      out.push_back(static_cast<char>(value));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace polis::http
