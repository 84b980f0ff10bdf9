#include "http/grpc.hh"

#include <fmt/format.h>

#include <charconv>

namespace polis::http {

void append_grpc_prefix(std::string& out, std::uint64_t length) {
  char prefix[kGrpcPrefixBytes] = {0, static_cast<char>(length >> 24),
                                   static_cast<char>(length >> 16), static_cast<char>(length >> 8),
                                   static_cast<char>(length)};
  out.append(prefix, sizeof prefix);
}

GrpcReader::Outcome GrpcReader::next(std::string_view& message) {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  }
  if (buffer_.size() - at_ < kGrpcPrefixBytes) return Outcome::kMore;
  const auto* p = reinterpret_cast<const unsigned char*>(buffer_.data() + at_);
  if (p[0] != 0) return Outcome::kCompressed;
  std::size_t length = static_cast<std::size_t>(p[1]) << 24 | static_cast<std::size_t>(p[2]) << 16 |
                       static_cast<std::size_t>(p[3]) << 8 | p[4];
  if (length > message_max_) return Outcome::kTooLarge;
  if (buffer_.size() - at_ < kGrpcPrefixBytes + length) {
    if (at_ > 0) {
      buffer_.erase(0, at_);
      at_ = 0;
    }
    return Outcome::kMore;
  }
  message = std::string_view(buffer_).substr(at_ + kGrpcPrefixBytes, length);
  at_ += kGrpcPrefixBytes + length;
  return Outcome::kMessage;
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
