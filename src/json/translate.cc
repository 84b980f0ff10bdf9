#include "json/translate.hh"

#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>

#include "json/strict.hh"

namespace polis::json {
namespace {

std::unique_ptr<google::protobuf::Message> make(const google::protobuf::Descriptor& type) {
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

}  // namespace

Result<std::string> to_message(const google::protobuf::Descriptor& type, std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::string();
  if (auto strict = check_strict(type, text); !strict) return std::unexpected(strict.error());
  auto message = make(type);
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(text.data(), text.size()), message.get(), options);
  if (!status.ok()) return fail(ErrorCode::kInvalid, std::string(status.message()));
  return message->SerializeAsString();
}

Result<std::string> from_message(const google::protobuf::Descriptor& type, std::string_view bytes) {
  auto message = make(type);
  if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kInvalid, "the answer is no " + type.full_name());
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(*message, &text, options);
  if (!status.ok()) return fail(ErrorCode::kInvalid, std::string(status.message()));
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool ObjectReader::only_blanks_left() const {
  return buffer_.find_first_not_of(" \t\r\n", begin_) == std::string::npos;
}

ObjectReader::Outcome ObjectReader::next(std::string_view& object) {
  if (depth_ == 0 && !in_string_) {
    const std::size_t first = buffer_.find_first_not_of(" \t\r\n", begin_);
    begin_ = at_ = std::min(first, buffer_.size());
    if (begin_ == buffer_.size()) {
      buffer_.clear();
      begin_ = at_ = 0;
      return Outcome::kMore;
    }
    if (buffer_[begin_] != '{') return Outcome::kNoObject;
  }
  for (; at_ < buffer_.size(); ++at_) {
    const char c = buffer_[at_];
    if (in_string_) {
      if (!escaped_ && c == '"') in_string_ = false;
      escaped_ = !escaped_ && c == '\\';
      continue;
    }
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && --depth_ == 0) {
      object = std::string_view(buffer_).substr(begin_, at_ + 1 - begin_);
      begin_ = ++at_;
      return Outcome::kObject;
    }
  }
  if (held() > bytes_max_) return Outcome::kTooLarge;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    at_ -= begin_;
    begin_ = 0;
  }
  return Outcome::kMore;
}

}  // namespace polis::json
