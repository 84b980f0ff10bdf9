#pragma once

// What an instance runs and how, in the agent's words; `encode` makes of it the file that its shim
// reads. Everything that depends on the machine is settled here: users are numbers, programs and
// directories are absolute, limits are files of control groups with their values.
//
// Threads: any.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hh"
#include "base/time.hh"
#include "shim/spec.hh"

namespace polis::agent {

// Who it runs as. Changing to another user needs a shim that runs as root.
struct Identity {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;
};

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
struct ResourceLimit {
  int resource = 0;  // RLIMIT_…
  std::uint64_t soft = kUnlimited;
  std::uint64_t hard = kUnlimited;
};

// A control group of the instance. What stands above it is there already, with its controllers.
struct ControlGroup {
  std::string path;  // absolute; its last part is made and removed by the shim
  shim::GroupKind kind = shim::GroupKind::kUnified;
  struct Setting {
    std::string file;
    std::string value;
    bool optional = false;  // that it cannot be set is said, and no failure
  };
  std::vector<Setting> settings;
};

// A listening socket that the shim opens and holds.
struct ListeningSocket {
  std::string name;           // LISTEN_FDNAMES; without ':'
  std::string address;        // 127.0.0.1:80, [::1]:80 or /run/x.sock; no names of machines
  std::uint32_t backlog = 0;  // 0: 4096
  bool reuse_port = false;
};

// At most one may run: it is killed when the deadline passes, unless that was extended.
struct Exclusive {
  std::uint64_t lease = 0;
  Instant deadline;
};

struct InstanceSpec {
  std::vector<std::string> words;        // the program's absolute path, and its arguments
  std::vector<std::string> environment;  // NAME=VALUE
  std::string directory;                 // in which it starts; empty: /
  std::optional<Identity> identity;      // nothing: as the agent
  std::optional<std::uint32_t> umask;    // nothing: 022
  std::vector<ResourceLimit> limits;
  bool no_new_privileges = true;
  int stop_signal = 0;                    // 0: SIGTERM
  Duration grace{};                       // 0: 10 s; at most a day
  std::vector<std::string> stop_command;  // instead of the signal; it finds MAINPID
  std::optional<Exclusive> exclusive;
  std::vector<ControlGroup> control_groups;
  std::string log_directory;        // absolute, there already; empty: the output is thrown away
  std::uint64_t log_bytes_max = 0;  // of a file; 0: 8 MiB
  std::uint64_t log_files_max = 0;  // 0: 4
  std::uint64_t log_rate = 0;       // bytes a second that are kept; 0: all
  std::uint64_t log_burst = 0;      // bytes that may come at once; 0: 4 MiB
  shim::NotifyFrom notify = shim::NotifyFrom::kNobody;
  std::vector<ListeningSocket> listeners;
  std::string inherit_from;      // directory of the instance whose listeners are taken over
  std::string private_tmp;       // absolute; seen as /tmp
  Duration linger{};             // 0: 60 s
  std::optional<int> oom_score;  // -1000 to 1000; nothing: as the agent's
};

// The bytes of the file. kInvalid: says which value is wrong, or too long.
Result<std::string> encode(const InstanceSpec& spec);

// Finds out before anything is started whether its program and its directories are there, and makes
// the program's path absolute (by the PATH of its environment).
// kNotFound, kInvalid: what to mend.
Result<InstanceSpec> checked(InstanceSpec spec);

}  // namespace polis::agent
