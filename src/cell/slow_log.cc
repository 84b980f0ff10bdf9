#include "cell/slow_log.hh"

#include <fmt/format.h>

namespace polis::cell {
namespace {

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

bool SlowLog::may_say(Kind& kind, Instant now) {
  if (now < kind.not_before) {
    ++kind.left_out;
    return false;
  }
  kind.not_before = now + kSlowLogInterval;
  return true;
}

std::string SlowLog::others(Kind& kind) {
  const std::uint64_t left_out = std::exchange(kind.left_out, 0);
  return left_out == 0 ? "" : fmt::format("; {} others before it were not logged", left_out);
}

std::string SlowLog::on_request(const replica::SlowRequest& slow, const replica::SyncTimes& syncs,
                                Instant now) {
  if (!may_say(requests_, now)) return {};
  const bool write = slow.kind == replica::SlowRequest::Kind::kWrite;
  return fmt::format(
      "a {} {} {:.3f} s: {:.3f} s until a master had it{}, {:.3f} s until a quorum {}, {:.3f} s "
      "until it was applied here; log syncs here take {:.3f} s on average, lately {:.3f} s at "
      "worst{}",
      write ? "write" : "read", slow.timed_out ? "timed out after" : "took", seconds(slow.total),
      seconds(slow.for_master), slow.sent > 1 ? fmt::format(" (sent {} times)", slow.sent) : "",
      seconds(slow.for_quorum), write ? "had it on disk" : "had confirmed the master",
      seconds(slow.for_apply), seconds(syncs.average), seconds(syncs.worst), others(requests_));
}

std::string SlowLog::on_call(const http::SlowCall& slow, Instant now) {
  if (!may_say(calls_, now)) return {};
  return fmt::format(
      "a call of {} {} {:.3f} s: {:.3f} s until the client had sent the request, {:.3f} s until it "
      "was answered, {:.3f} s for the client until it had taken the answer{}",
      slow.method, slow.answered ? "took" : "was given up by the client after", seconds(slow.total),
      seconds(slow.for_request), seconds(slow.for_answer), seconds(slow.for_client),
      others(calls_));
}

std::string SlowLog::on_late(Duration late, Duration busy, Instant now) {
  if (late < kStallMin || !may_say(stalls_, now)) return {};
  const char* why = busy > late / 2    ? "a request or the upkeep was long work"
                    : busy < late / 10 ? "the process was paused, got no processor, or waited for "
                                         "the disk"
                                       : "the processor was short";
  return fmt::format("nothing was served for {:.3f} s, {:.3f} s of them busy: {}{}", seconds(late),
                     seconds(busy), why, others(stalls_));
}

}  // namespace polis::cell
