#include "agent/texts.hh"

#include <fmt/format.h>
#include <string.h>

#include <cerrno>

#include "shim/spec.hh"

namespace polis::agent {
namespace {

using shim::Step;

std::string reason(std::uint64_t number) { return ::strerror(static_cast<int>(number)); }

// The signal's name, as "SIGKILL".
std::string signal_name(std::uint64_t number) {
  const char* name = ::sigabbrev_np(static_cast<int>(number));
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

std::string exec_failure(std::string_view what, std::uint64_t number) {
  switch (number) {
    case ENOENT:
      return fmt::format(
          "{}: it is not there, or the interpreter that its first line names is not; "
          "install it, or correct the command",
          what);
    case EACCES:
      return fmt::format(
          "{}: its user may not run it; give that user the permission to read and "
          "execute it and to enter its directories, and mount nothing there with "
          "noexec",
          what);
    case ENOEXEC:
      return fmt::format(
          "{}: it is no program of this machine; if it is a script, its first line "
          "must name its interpreter (#!/bin/sh)",
          what);
    case E2BIG:
      return fmt::format(
          "{}: the command and its environment are too long; put what is large into "
          "a file",
          what);
    default:
      return fmt::format("{}: {}", what, reason(number));
  }
}

std::string listen_failure(std::string_view what, std::uint64_t number) {
  switch (number) {
    case EADDRINUSE:
      return fmt::format(
          "cannot listen at {}: it is in use; stop who uses it (ss -ltnp), or choose "
          "another port",
          what);
    case EADDRNOTAVAIL:
      return fmt::format("cannot listen at {}: it is no address of this machine", what);
    case EACCES:
      return fmt::format("cannot listen at {}: ports below 1024 need root", what);
    default:
      return fmt::format("cannot listen at {}: {}", what, reason(number));
  }
}

std::string user_failure(std::uint64_t number) {
  return fmt::format("cannot become its user: {}{}", reason(number),
                     number == EPERM
                         ? "; only root can, so run the agent as root, or the service as "
                           "the agent's own user"
                         : "");
}

}  // namespace

std::string start_failure(const shim::State& state) {
  const std::string_view what = state.failed_what.view();
  const std::uint64_t number = state.failed_errno;
  switch (state.failed_step) {
    case Step::kSpec:
      return number == static_cast<std::uint64_t>(shim::SpecVerdict::kNewer)
                 ? "its spec asks for what this shim does not know: it is of an older release"
                 : "its spec is damaged; it must be written anew";
    case Step::kOutput:
      return fmt::format("cannot make the pipe for its output: {}", reason(number));
    case Step::kNotify:
      return fmt::format("cannot make its notify socket: {}", reason(number));
    case Step::kRecord:
      return fmt::format(
          "cannot write its record: {}; nothing is started that could not be found "
          "again",
          reason(number));
    case Step::kGroup:
      return fmt::format("cannot make the control group {}: {}", what, reason(number));
    case Step::kGroupBusy:
      return fmt::format("processes of an earlier life in control group {} cannot be killed", what);
    case Step::kSetting:
      return fmt::format("cannot set the limit {}: {}{}", what, reason(number),
                         number == ENOENT
                             ? "; the kernel lacks it, or the controller is not enabled "
                               "in the group above"
                             : "");
    case Step::kFork:
      return fmt::format("cannot make a process: {}{}", reason(number),
                         number == EAGAIN ? "; a limit of processes is reached" : "");
    case Step::kAttach:
      return fmt::format("cannot put it into control group {}: {}", what, reason(number));
    case Step::kListen:
      return listen_failure(what, number);
    case Step::kInherit:
      return fmt::format("cannot take over the listening sockets of {}: {}", what, reason(number));
    case Step::kSession:
      return fmt::format("cannot make a session: {}", reason(number));
    case Step::kRlimit:
      return fmt::format("cannot set a resource limit: {}; only root can raise a hard limit",
                         reason(number));
    case Step::kPrivateTmp:
      return fmt::format("cannot give it {} as /tmp: {}{}", what, reason(number),
                         number == EPERM ? "; only root can" : "");
    case Step::kGroups:
    case Step::kUser:
      return user_failure(number);
    case Step::kNoNewPrivileges:
      return fmt::format("cannot set no_new_privs: {}", reason(number));
    case Step::kDirectory:
      return fmt::format("cannot enter its working directory {}: {}; make it, and let its user in",
                         what, reason(number));
    case Step::kExec:
      return fmt::format("cannot run {}", exec_failure(what, number));
    case Step::kDeadline:
      return "its deadline had passed before it could start: the cell was out of reach too long";
    case Step::kNone:
      break;
  }
  return fmt::format("step {} of the start failed: {} {}", static_cast<int>(state.failed_step),
                     what, reason(number));
}

std::string how_it_ended(const shim::State& state) {
  switch (state.exit) {
    case shim::Exit::kNone:
      return "";
    case shim::Exit::kExited:
      return fmt::format("exited with status {}", state.exit_number);
    case shim::Exit::kKilled:
      return fmt::format("killed by {}{}{}", signal_name(state.exit_number),
                         state.oom_kills > 0 ? ", for want of memory" : "",
                         state.core_dumped != 0 ? ", with a core file" : "");
    case shim::Exit::kNeverRan:
      return fmt::format("was not started: {}", start_failure(state));
  }
  return "ended";
}

Error refused_request(const shim::Answer& answer) {
  using shim::Verdict;
  switch (answer.verdict) {
    case Verdict::kUnknownRequest:
      return {ErrorCode::kInvalid,
              "the shim is of an older release, and does not know this request"};
    case Verdict::kNotRunning:
      return {ErrorCode::kNotFound, "the instance is not running"};
    case Verdict::kNotEnded:
      return {ErrorCode::kUnavailable, "the instance has not ended"};
    case Verdict::kNotExclusive:
      return {ErrorCode::kInvalid, "the instance is not exclusive, and has no deadline"};
    case Verdict::kOtherLease:
      return {ErrorCode::kInvalid, "the deadline belongs to another lease; bind it first"};
    case Verdict::kTooLate:
      return {ErrorCode::kNotFound, "the deadline has passed"};
    case Verdict::kSystem:
      return {ErrorCode::kIo, reason(answer.number)};
    default:
      return {ErrorCode::kInvalid, "the shim refuses the request as wrong"};
  }
}

Error refused_connection(const shim::Refusal& refusal, const std::string& directory) {
  using shim::Refused;
  switch (refusal.reason) {
    case Refused::kVersion:
      return {
          ErrorCode::kInvalid,
          fmt::format("the shim of {} speaks versions {} to {} of the protocol, this polis {} to "
                      "{}; use a release between the two, or stop the instance",
                      directory, refusal.oldest, refusal.newest, shim::kProtocolOldest,
                      shim::kProtocolNewest)};
    case Refused::kBusy:
      return {
          ErrorCode::kUnavailable,
          fmt::format("the shim of {} has an agent already: process {}; stop that one, or leave "
                      "the instance to it",
                      directory, refusal.process)};
    case Refused::kNotYours:
      return {ErrorCode::kInvalid,
              fmt::format("the shim of {} runs as another user; run polis as that user or as root",
                          directory)};
    default:
      return {ErrorCode::kInvalid,
              fmt::format("the shim of {} did not understand the greeting", directory)};
  }
}

}  // namespace polis::agent
