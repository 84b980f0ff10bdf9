#pragma once

// What a shim is to run: the file `spec` of the instance's directory, which the agent writes before
// it starts the shim, and which does not change afterwards. docs/formats/shim.md is the page of it.
//
// The shim keeps the file's bytes mapped and reads lists from them when it needs them; strings that
// go to the system end with a zero byte in the file. So nothing is copied and nothing allocated.
//
// Threads: any.

#include "shim/fields.hh"
#include "shim/protocol.hh"

namespace polis::shim {

inline constexpr std::size_t kSpecBytesMax = 1 << 20;  // of the file
inline constexpr std::size_t kSpecHeader = 16;         // magic u64 | length u32 | crc u32
inline constexpr std::uint64_t kSpecVersion = 1;       // what this release can read
// Of lists.
inline constexpr std::size_t kWordsMax = 2048;
inline constexpr std::size_t kEnvironmentMax = 4096;
inline constexpr std::size_t kControlGroupsMax = 12;
inline constexpr std::size_t kListenersMax = 16;
inline constexpr std::size_t kUserGroupsMax = 256;

// Numbers of the fields. DO NOT CHANGE.
enum SpecField : std::uint32_t {
  kNeeds = 1,        // kSpecVersion at least
  kWord = 2,         // list: the program's absolute path and its arguments
  kEnvironment = 3,  // list: NAME=VALUE
  kDirectory = 4,    // in which it starts
  kUser = 5,         // uid + 1; absent: the shim's
  kGroup = 6,        // gid + 1; absent: the shim's
  kUserGroup = 7,    // list: supplementary gid + 1
  kUmask = 8,        // + 1; absent: 022
  kRlimit = 9,       // list: 1 resource, 2 soft, 3 hard; all ones: without limit
  kNoNewPrivileges = 10,
  kStopSignal = 11,    // absent: SIGTERM
  kGrace = 12,         // nanoseconds
  kStopWord = 13,      // list: a command that is run instead of sending the signal
  kExclusive = 14,     // it has a deadline
  kLease = 15,         // that the deadline belongs to
  kDeadline = 16,      // nanoseconds of CLOCK_BOOTTIME
  kControlGroup = 17,  // list
  kLogDirectory = 18,  // absolute; absent: the output is counted and thrown away
  kLogBytesMax = 19,   // of one file
  kLogFilesMax = 20,
  kLogRate = 21,      // bytes a second; absent: no bound
  kLogBurst = 22,     // bytes that may come at once
  kNotify = 23,       // NotifyFrom
  kListener = 24,     // list
  kInheritFrom = 25,  // the directory of the instance whose listening sockets are taken over
  kPrivateTmp = 26,   // an absolute directory that the instance sees as /tmp
  kLinger = 27,       // nanoseconds that the shim stays after the end without an agent
  kOomScore = 28,     // of the instance, + 1001; absent: as the agent's
};
enum ControlGroupField : std::uint32_t {
  kGroupPath = 1,  // absolute; the shim makes its last part, and removes it at the end
  kGroupKind = 2,  // GroupKind
  kSetting = 3,    // list: 1 file, 2 value, 3 whether it may be absent
};
enum ListenerField : std::uint32_t {
  kListenerName = 1,
  kListenerAddress = 2,  // ADDRESS:PORT, [ADDRESS]:PORT or an absolute path of a unix socket
  kListenerBacklog = 3,
  kListenerReusePort = 4,
};

enum class GroupKind : std::uint64_t { kUnified = 2, kLegacy = 1 };  // cgroup v2, v1
enum class NotifyFrom : std::uint64_t { kNobody = 0, kMain = 1, kAll = 2 };

struct Spec {
  std::string_view fields;  // all, for what is a list
  std::uint64_t words = 0;  // how many there are of each list
  std::uint64_t environment = 0;
  std::uint64_t user_groups = 0;
  std::uint64_t stop_words = 0;
  std::uint64_t control_groups = 0;
  std::uint64_t listeners = 0;
  std::string_view directory;  // each of these ends with its zero byte, or is empty
  std::string_view log_directory;
  std::string_view inherit_from;
  std::string_view private_tmp;
  std::uint64_t user = 0;  // + 1, as in the file
  std::uint64_t group = 0;
  std::uint64_t umask = 0;
  std::uint64_t no_new_privileges = 0;
  std::uint64_t stop_signal = 0;
  std::uint64_t grace = 0;
  std::uint64_t exclusive = 0;
  std::uint64_t lease = 0;
  std::uint64_t deadline = 0;
  std::uint64_t log_bytes_max = 0;
  std::uint64_t log_files_max = 0;
  std::uint64_t log_rate = 0;
  std::uint64_t log_burst = 0;
  std::uint64_t linger = 0;
  std::uint64_t oom_score = 0;
  NotifyFrom notify = NotifyFrom::kNobody;
};

// Puts the header before the fields that were written behind its place. `file` is the whole.
void seal_spec(char* file, std::size_t size);

enum class SpecVerdict {
  kGood,
  kDamaged,  // it fails its checksum, or is not a spec
  kNewer,    // it asks for what this release does not know
  kWrong,    // a list is too long, a string does not end, or there is no program
};
// `spec` points into `file`.
SpecVerdict read_spec(std::string_view file, Spec& spec);

// Calls f(const Field&) for each field with this number.
template <typename F>
void for_each_field(std::string_view fields, std::uint32_t number, F f) {
  FieldReader in(fields);
  for (Field field; in.next(field);)
    if (field.number == number) f(field);
}

}  // namespace polis::shim
