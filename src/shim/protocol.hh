#pragma once

// What a shim and its agent say to each other over the unix socket in the instance's directory, and
// the names of that directory's files. docs/formats/shim.md is the page of it.
//
// A shim lives as long as its instance, for months; agents come and go. The connection begins with
// the agent's Hello, in which it says which versions of the protocol it speaks; the shim chooses.
// From then on the shim sends its whole State whenever something of it has changed: an agent that
// comes back knows all by the first one. The agent sends requests; each is answered, in order.
//
// Shared by the shim and the agent: no allocation, no exceptions, nothing of libstdc++'s runtime.
//
// Threads: any.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace polis::shim {

// Versions of the protocol. A release speaks at least the one before its own.
inline constexpr std::uint64_t kProtocolNewest = 1;
inline constexpr std::uint64_t kProtocolOldest = 1;

// Files of an instance's directory.
inline constexpr const char* kLockFile = "lock";      // held (flock) by the shim while it lives
inline constexpr const char* kSpecFile = "spec";      // what is to run: the agent's intent
inline constexpr const char* kSocketFile = "socket";  // where the shim listens for its agent
inline constexpr const char* kRecordFile = "record";  // what has become of it (shim/record.hh)
inline constexpr const char* kOutputFifo = "output";  // the instance's standard output and error
inline constexpr const char* kNotifyFile = "notify";  // its notify socket, if its path is short

// Of a frame, its length field included. A State is the largest one.
inline constexpr std::size_t kFrameBytesMax = 2048;
// Of texts in messages.
inline constexpr std::size_t kTextBytesMax = 255;

// DO NOT CHANGE: numbers on the wire.
enum class FrameType : std::uint8_t {
  kHello = 1,      // agent: the first frame
  kWelcome = 2,    // shim: the answer to it
  kRefusal = 3,    // shim: the other answer to it; the connection ends
  kRequest = 4,    // agent
  kAnswer = 5,     // shim
  kState = 6,      // shim
  kListeners = 7,  // shim, to a successor: names of listening sockets, which come along
};

struct Frame {
  FrameType type{};
  std::string_view body;  // fields; points into the input
  std::size_t size = 0;   // of the whole frame
};
enum class Framing { kFrame, kMore, kWrong };
// The first frame of `bytes`. kMore: it is not complete. kWrong: its length is none of ours.
Framing first_frame(std::string_view bytes, Frame& frame);
// The bytes that stand before a frame's body: its length and its type.
inline constexpr std::size_t kFrameHeader = 5;
void put_frame_header(char* at, FrameType type, std::size_t body_size);

// A short text with its own memory. What does not fit is cut off.
struct Text {
  std::uint16_t size = 0;
  char bytes[kTextBytesMax];

  std::string_view view() const { return {bytes, size}; }
  void assign(std::string_view from) {
    size = static_cast<std::uint16_t>(from.size() < sizeof bytes ? from.size() : sizeof bytes);
    if (size > 0) std::memcpy(bytes, from.data(), size);
  }
};

enum class Purpose : std::uint8_t {
  kAgent = 1,      // looks after the instance; one at a time
  kSuccessor = 2,  // the shim of a following instance, which asks for the listening sockets
};

struct Hello {
  std::uint64_t newest = 0;  // version of the protocol
  std::uint64_t oldest = 0;
  Purpose purpose = Purpose::kAgent;
  std::string_view release;   // of the sender; for people
  std::uint64_t process = 0;  // its pid; for people
};

struct Welcome {
  std::uint64_t version = 0;  // the one that both speak from now on
  std::string_view release;   // of the shim; for people
};

enum class Refused : std::uint8_t {
  kVersion = 1,    // no version in common
  kBusy = 2,       // an agent is there already
  kNotYours = 3,   // the peer runs as another user than the shim, and not as root
  kMalformed = 4,  // not a Hello
};

struct Refusal {
  Refused reason{};
  std::uint64_t newest = 0;  // version of the protocol
  std::uint64_t oldest = 0;
  std::uint64_t process = 0;  // kBusy: pid of the agent that is there
};

enum class Ask : std::uint8_t {
  kStop = 1,    // signal (0: the spec's), grace (0: the spec's), then all are killed
  kKill = 2,    // all, at once
  kSignal = 3,  // to the instance's main process
  kExtend = 4,  // the deadline, if `lease` is the one that it belongs to
  kBind = 5,    // as kExtend; the deadline belongs to `lease` from now on
  kRotate = 6,  // the output goes into a new file
  kForget = 7,  // after the end: the agent has seen it, and the shim may go
  kState = 8,   // send the State, even if nothing has changed
};

struct Request {
  std::uint64_t id = 0;  // comes back in the answer
  Ask ask{};
  std::uint64_t signal = 0;
  std::uint64_t grace = 0;  // nanoseconds
  std::uint64_t lease = 0;
  std::uint64_t deadline = 0;  // nanoseconds of CLOCK_BOOTTIME
};

enum class Verdict : std::uint8_t {
  kDone = 0,
  kUnknownRequest = 1,  // of a newer release
  kNotRunning = 2,      // the instance is not running (any more)
  kNotEnded = 3,        // kForget: the instance has not ended
  kNotExclusive = 4,    // it has no deadline
  kOtherLease = 5,      // the deadline belongs to another lease
  kTooLate = 6,         // the deadline has passed
  kSystem = 7,          // the system refused: `number` is its errno
  kWrong = 8,           // the request makes no sense, as a signal that there is not
};

struct Answer {
  std::uint64_t id = 0;
  Verdict verdict{};
  std::uint64_t number = 0;
};

// Where an instance stands. Only forward.
enum class Phase : std::uint8_t {
  kStarting = 1,
  kRunning = 2,   // its program runs
  kStopping = 3,  // it was asked to stop, and its grace runs
  kKilling = 4,   // all that is left is being killed
  kEnded = 5,     // nothing of it is left, or it was never started
};

enum class Exit : std::uint8_t {
  kNone = 0,     // the main process has not ended
  kExited = 1,   // `exit_number` is its status
  kKilled = 2,   // `exit_number` is the signal
  kNeverRan = 3  // see `failed_step`
};

// Why the instance stops, or stopped.
enum class Cause : std::uint8_t {
  kNone = 0,
  kItself = 1,    // its main process ended
  kStop = 2,      // asked by the agent
  kKill = 3,      // asked by the agent
  kDeadline = 4,  // it is exclusive, and its deadline passed
  kSignal = 5,    // the shim got SIGTERM
};

// At what the start failed. DO NOT CHANGE.
enum class Step : std::uint8_t {
  kNone = 0,
  kSpec = 1,       // the spec is not one, or of a newer release
  kOutput = 2,     // the FIFO for its output
  kNotify = 3,     // its notify socket
  kRecord = 4,     // the record could not be written
  kGroup = 5,      // its control group
  kGroupBusy = 6,  // processes of an earlier life are left in it
  kSetting = 7,    // a limit
  kFork = 8,
  kAttach = 9,    // putting it into a control group
  kListen = 10,   // a listening socket
  kInherit = 11,  // the predecessor does not hand its listening sockets over
  kSession = 12,
  kRlimit = 13,
  kPrivateTmp = 14,
  kGroups = 15,  // of the user
  kUser = 16,
  kNoNewPrivileges = 17,
  kDirectory = 18,  // the working directory
  kExec = 19,
  kDeadline = 20,  // had passed before the start
};

// All that a shim knows about its instance. Times are nanoseconds of CLOCK_BOOTTIME; 0: not yet.
struct State {
  Phase phase = Phase::kStarting;
  Cause cause = Cause::kNone;
  std::uint64_t shim_pid = 0;
  std::uint64_t shim_started = 0;  // clock ticks since the boot
  std::uint64_t pid = 0;           // of the main process
  std::uint64_t pid_started = 0;   // clock ticks since the boot
  std::uint64_t started_at = 0;    // its program began
  Exit exit = Exit::kNone;
  std::uint64_t exit_number = 0;
  std::uint64_t core_dumped = 0;
  std::uint64_t oom_kills = 0;  // in its control group
  std::uint64_t exited_at = 0;  // the main process
  std::uint64_t ended_at = 0;   // all of it
  Step failed_step = Step::kNone;
  std::uint64_t failed_errno = 0;
  Text failed_what;                   // the file, address or limit that failed_step is about
  std::uint64_t settings_absent = 0;  // optional limits that could not be set
  Text setting_absent;                // the first of them
  std::uint64_t group_kill = 0;       // 1: a control group kills it; 0: its session is searched
  std::uint64_t remaining = 0;        // processes that are still there although killed long ago
  std::uint64_t kill_took = 0;        // nanoseconds from the first SIGKILL until all were gone
  std::uint64_t deadline = 0;
  std::uint64_t lease = 0;  // that the deadline belongs to
  std::uint64_t output_bytes = 0;
  std::uint64_t output_dropped = 0;  // of these, bytes that were not kept
  std::uint64_t output_errno = 0;    // why the file cannot be written now; 0: it can
  std::uint64_t record_errno = 0;    // why the record could not be made durable; 0: it could
  std::uint64_t recorded = 0;        // 1: the end is on disk
  // What the instance said by the notify protocol, as counts, so that none is missed.
  std::uint64_t ready = 0;
  std::uint64_t reloading = 0;
  std::uint64_t stopping = 0;
  std::uint64_t watchdog = 0;
  std::uint64_t notify_refused = 0;       // messages from processes that are none of its own
  std::uint64_t ready_at = 0;             // the last time
  std::uint64_t extend_timeout = 0;       // microseconds, as it said last
  std::uint64_t notify_errno = 0;         // as it said last
  Text status;                            // as it said last
  std::uint64_t listeners = 0;            // listening sockets that the shim holds
  std::uint64_t listeners_inherited = 0;  // of these, from its predecessor
  std::uint64_t output_complete =
      0;                          // 1: after the end, all that is kept of the output is in its file
  std::uint64_t oom_lowered = 0;  // 1: the shim's own OOM score is lowered
};

// Each writes a frame into `buffer` and returns it; empty: it does not fit.
std::string_view encode(const Hello& message, char* buffer, std::size_t capacity);
std::string_view encode(const Welcome& message, char* buffer, std::size_t capacity);
std::string_view encode(const Refusal& message, char* buffer, std::size_t capacity);
std::string_view encode(const Request& message, char* buffer, std::size_t capacity);
std::string_view encode(const Answer& message, char* buffer, std::size_t capacity);
std::string_view encode(const State& message, char* buffer, std::size_t capacity);

// Each reads a frame's body. False: it is none. Texts point into `body`.
bool decode(std::string_view body, Hello& message);
bool decode(std::string_view body, Welcome& message);
bool decode(std::string_view body, Refusal& message);
bool decode(std::string_view body, Request& message);
bool decode(std::string_view body, Answer& message);
bool decode(std::string_view body, State& message);

// The version that both speak, the newest; 0: there is none.
std::uint64_t common_version(const Hello& hello);

}  // namespace polis::shim
