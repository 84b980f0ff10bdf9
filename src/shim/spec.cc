#include "shim/spec.hh"

#include "base/crc32c.hh"

namespace polis::shim {
namespace {

constexpr char kMagic[8] = {'P', 'O', 'L', 'I', 'S', 'S', 'P', '1'};
constexpr std::size_t kLengthAt = 8, kCrcAt = 12;

void take_number(const Field& field, Spec& spec) {
  switch (field.number) {
    case kUser:
      spec.user = field.value;
      break;
    case kGroup:
      spec.group = field.value;
      break;
    case kUserGroup:
      ++spec.user_groups;
      break;
    case kUmask:
      spec.umask = field.value;
      break;
    case kNoNewPrivileges:
      spec.no_new_privileges = field.value;
      break;
    case kStopSignal:
      spec.stop_signal = field.value;
      break;
    case kGrace:
      spec.grace = field.value;
      break;
    case kExclusive:
      spec.exclusive = field.value;
      break;
    case kLease:
      spec.lease = field.value;
      break;
    case kDeadline:
      spec.deadline = field.value;
      break;
    case kLogBytesMax:
      spec.log_bytes_max = field.value;
      break;
    case kLogFilesMax:
      spec.log_files_max = field.value;
      break;
    case kLogRate:
      spec.log_rate = field.value;
      break;
    case kLogBurst:
      spec.log_burst = field.value;
      break;
    case kNotify:
      spec.notify = static_cast<NotifyFrom>(field.value);
      break;
    case kLinger:
      spec.linger = field.value;
      break;
    case kOomScore:
      spec.oom_score = field.value;
      break;
    default:
      break;
  }
}

// False: a string that goes to the system does not end.
bool take_string(const Field& field, Spec& spec) {
  const auto keep = [&field](std::string_view& place) {
    place = field.bytes;
    return is_c_string(place);
  };
  switch (field.number) {
    case kWord:
      ++spec.words;
      return is_c_string(field.bytes);
    case kEnvironment:
      ++spec.environment;
      return is_c_string(field.bytes);
    case kStopWord:
      ++spec.stop_words;
      return is_c_string(field.bytes);
    case kControlGroup:
      ++spec.control_groups;
      return true;
    case kListener:
      ++spec.listeners;
      return true;
    case kDirectory:
      return keep(spec.directory);
    case kLogDirectory:
      return keep(spec.log_directory);
    case kInheritFrom:
      return keep(spec.inherit_from);
    case kPrivateTmp:
      return keep(spec.private_tmp);
    default:
      return true;
  }
}

bool holds_string(std::uint32_t number) {
  return number == kWord || number == kEnvironment || number == kStopWord ||
         number == kControlGroup || number == kListener || number == kDirectory ||
         number == kLogDirectory || number == kInheritFrom || number == kPrivateTmp ||
         number == kRlimit;
}

bool bounded(const Spec& spec) {
  return spec.words >= 1 && spec.words <= kWordsMax && spec.stop_words <= kWordsMax &&
         spec.environment <= kEnvironmentMax && spec.control_groups <= kControlGroupsMax &&
         spec.listeners <= kListenersMax && spec.user_groups <= kUserGroupsMax &&
         (spec.exclusive == 0 || (spec.deadline > 0 && spec.deadline <= INT64_MAX));
}

std::uint32_t u32_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

void seal_spec(char* file, std::size_t size) {
  const auto length = static_cast<std::uint32_t>(size - kSpecHeader);
  const std::uint32_t crc = crc32c({file + kSpecHeader, size - kSpecHeader});
  std::memcpy(file, kMagic, sizeof kMagic);
  std::memcpy(file + kLengthAt, &length, sizeof length);
  std::memcpy(file + kCrcAt, &crc, sizeof crc);
}

SpecVerdict read_spec(std::string_view file, Spec& spec) {
  if (file.size() < kSpecHeader || file.size() > kSpecBytesMax ||
      std::memcmp(file.data(), kMagic, sizeof kMagic) != 0 ||
      u32_at(file, kLengthAt) != file.size() - kSpecHeader)
    return SpecVerdict::kDamaged;
  spec = {};
  spec.fields = {file.data() + kSpecHeader, file.size() - kSpecHeader};
  if (crc32c(spec.fields) != u32_at(file, kCrcAt)) return SpecVerdict::kDamaged;
  FieldReader in(spec.fields);
  for (Field field; in.next(field);) {
    if (field.number == kNeeds && field.value > kSpecVersion) return SpecVerdict::kNewer;
    if (field.is_string != holds_string(field.number) && field.number <= kOomScore)
      return SpecVerdict::kWrong;
    if (!field.is_string) take_number(field, spec);
    if (field.is_string && !take_string(field, spec)) return SpecVerdict::kWrong;
  }
  if (!in.ok()) return SpecVerdict::kDamaged;
  return bounded(spec) ? SpecVerdict::kGood : SpecVerdict::kWrong;
}

}  // namespace polis::shim
