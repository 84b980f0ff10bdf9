#include "model/stored.hh"

#include <fmt/format.h>

#include "base/coding.hh"
#include "base/sha256.hh"
#include "model/keys.hh"

namespace polis::model {
namespace {

// Wire types of protobuf.
constexpr std::uint64_t kVarint = 0, kEight = 1, kBytes = 2, kFour = 5;
constexpr std::uint32_t kLabelNumber = 1;              // of the name of what is kNamed
constexpr std::uint32_t kPairKey = 1, kPairValue = 2;  // of an entry of a map

class Encoder {
 public:
  std::string take() { return std::move(out_); }

  void section(const Section& section, const void* object) {
    if (section.label != nullptr) text(kLabelNumber, label_of(section, object));
    for (const Key& key : section.keys) {
      if (key.number != 0) this->key(key, object);
    }
    out_ += *section.unknown(const_cast<void*>(object));
  }

 private:
  void tag(std::uint32_t number, std::uint64_t type) { writer().varint(number << 3 | type); }
  Writer writer() { return Writer(out_); }
  void bytes(std::uint32_t number, std::string_view bytes) {
    tag(number, kBytes);
    writer().string(bytes);
  }
  void text(std::uint32_t number, std::string_view text) {
    if (!text.empty()) bytes(number, text);
  }
  void message(std::uint32_t number, const Section& section, const void* object) {
    Encoder inner;
    inner.section(section, object);
    bytes(number, inner.take());
  }
  void pair(std::uint32_t number, const std::string& name, const std::string& value) {
    Encoder inner;
    inner.text(kPairKey, name);
    inner.text(kPairValue, value);
    bytes(number, inner.take());
  }

  void key(const Key& key, const void* object) {
    switch (key.shape()) {
      case Shape::kNumber:
        if (const std::int64_t value = number_of(key, object); value != 0) {
          tag(key.number, kVarint);
          writer().varint(static_cast<std::uint64_t>(value));
        }
        break;
      case Shape::kText:
        text(key.number, value_of<std::string>(key, object));
        break;
      case Shape::kWords:
        for (const std::string& word : value_of<Words>(key, object)) bytes(key.number, word);
        break;
      case Shape::kPairs:
        for (const auto& [name, value] : value_of<Pairs>(key, object))
          pair(key.number, name, value);
        break;
      case Shape::kSection:
      case Shape::kOptional:
        if (const void* inside = inside_of(key, object)) message(key.number, *key.section, inside);
        break;
      case Shape::kNamed:
        for (std::size_t i = 0; i < size_of(key, object); ++i)
          message(key.number, *key.section, element_of(key, object, i));
        break;
    }
  }

  std::string out_;
};

Error corrupt(const Section& section, std::uint64_t number, const char* what) {
  return {ErrorCode::kCorrupt,
          fmt::format("stored application: field {} of {}: {}", number, section.name, what)};
}

// One field as it stands in the bytes.
struct Field {
  std::uint64_t number = 0, type = 0;
  std::uint64_t varint = 0;
  std::string_view bytes;
  std::string_view whole;  // with its tag
};

// False: the bytes end, or are not those of a field.
bool next_field(std::string_view& rest, Field& field) {
  Reader reader(rest);
  const std::uint64_t tag = reader.varint();
  field.number = tag >> 3;
  field.type = tag & 7;
  if (field.type == kVarint) {
    field.varint = reader.varint();
  } else if (field.type == kBytes) {
    field.bytes = reader.string();
  } else if (field.type == kEight || field.type == kFour) {
    reader.take(field.type == kEight ? 8 : 4);
  } else {
    return false;
  }
  if (!reader.ok() || field.number == 0) return false;
  field.whole = rest.substr(0, rest.size() - reader.remaining());
  rest.remove_prefix(field.whole.size());
  return true;
}

const Key* key_of(const Section& section, std::uint64_t number) {
  for (const Key& key : section.keys) {
    if (key.number != 0 && key.number == number) return &key;
  }
  return nullptr;
}

Result<void> decode_section(std::string_view bytes, const Section& section, void* object);

Result<void> decode_pair(const Field& field, const Section& section, Pairs& pairs) {
  std::string name, value;
  Field part;
  for (std::string_view rest = field.bytes; !rest.empty();) {
    if (!next_field(rest, part))
      return std::unexpected(corrupt(section, field.number, "is no entry of a map"));
    if (part.number == kPairKey) name = part.bytes;
    if (part.number == kPairValue) value = part.bytes;
  }
  if (!is_utf8(name) || !is_utf8(value))
    return std::unexpected(corrupt(section, field.number, "is no UTF-8"));
  pairs.insert_or_assign(std::move(name), std::move(value));
  return {};
}

Result<void> decode_field(const Field& field, const Key& key, const Section& section,
                          void* object) {
  void* member = key.member(object);
  const bool number = key.shape() == Shape::kNumber;
  if (field.type != (number ? kVarint : kBytes))
    return std::unexpected(corrupt(section, field.number, "has another type"));
  switch (key.shape()) {
    case Shape::kNumber:
      key.access->set_number(member, static_cast<std::int64_t>(field.varint));
      return {};
    case Shape::kText:
    case Shape::kWords:
      if (!is_utf8(field.bytes))
        return std::unexpected(corrupt(section, field.number, "is no UTF-8"));
      if (key.shape() == Shape::kText) {
        *static_cast<std::string*>(member) = field.bytes;
      } else {
        static_cast<Words*>(member)->emplace_back(field.bytes);
      }
      return {};
    case Shape::kPairs:
      return decode_pair(field, section, *static_cast<Pairs*>(member));
    case Shape::kSection:
    case Shape::kOptional:
      return decode_section(field.bytes, *key.section, key.access->make(member));
    case Shape::kNamed:
      if (key.access->size(member) >= kNamedMax)
        return std::unexpected(corrupt(section, field.number, "there are too many"));
      return decode_section(field.bytes, *key.section, key.access->add(member));
  }
  return {};
}

Result<void> decode_section(std::string_view bytes, const Section& section, void* object) {
  Field field;
  while (!bytes.empty()) {
    if (!next_field(bytes, field))
      return std::unexpected(corrupt(section, field.number, "ends early, or is none"));
    if (field.number == kLabelNumber && section.label != nullptr && field.type == kBytes) {
      if (!is_utf8(field.bytes))
        return std::unexpected(corrupt(section, field.number, "is no UTF-8"));
      *section.label(object) = field.bytes;
    } else if (const Key* key = key_of(section, field.number)) {
      if (auto done = decode_field(field, *key, section, object); !done) return done;
    } else {
      *section.unknown(object) += field.whole;
    }
  }
  return {};
}

template <typename T>
std::string encoded(const Section& section, const T& object) {
  Encoder encoder;
  encoder.section(section, &object);
  return encoder.take();
}

template <typename T>
Result<T> decoded(const Section& section, std::string_view bytes) {
  if (bytes.size() > kStoredMax)
    return fail(ErrorCode::kCorrupt, fmt::format("stored {}: {} bytes; at most {}", section.name,
                                                 bytes.size(), kStoredMax));
  T object;
  if (auto done = decode_section(bytes, section, &object); !done)
    return std::unexpected(done.error());
  return object;
}

// The file that has not been read; empty: all have.
std::string unread(const Config& config) {
  for (const ConfigFile& file : config.files) {
    if (!file.from.empty()) return file.from;
  }
  return "";
}

}  // namespace

std::string encode(const Application& application) {
  return encoded(keys::kApplication, application);
}
Result<Application> decode(std::string_view bytes) {
  return decoded<Application>(keys::kApplication, bytes);
}
std::string encode(const Service& service) { return encoded(keys::kService, service); }
Result<Service> decode_service(std::string_view bytes) {
  return decoded<Service>(keys::kService, bytes);
}

Result<Sealed> seal(const Application& application) {
  std::string from;
  for (const Service& service : application.services) from += unread(service.config);
  for (const Job& job : application.jobs) from += unread(job.config);
  if (!from.empty())
    return fail(ErrorCode::kInvalid, fmt::format("application {}: the configuration file '{}' has "
                                                 "not been read",
                                                 application.name, from));
  Sealed sealed{encode(application), ""};
  if (sealed.bytes.size() > kStoredMax)
    return fail(ErrorCode::kInvalid,
                fmt::format("application {} takes {} bytes, and {} is the most; put large files "
                            "into an artifact, or divide the application",
                            application.name, sealed.bytes.size(), kStoredMax));
  sealed.digest = "sha256:" + sha256_hex(sealed.bytes);
  return sealed;
}

}  // namespace polis::model
