#include "cli/watch_progress.hh"

#include <fmt/format.h>

#include <algorithm>

namespace polis::cli {

etcdserverpb::WatchCreateRequest WatchProgress::resume(etcdserverpb::WatchCreateRequest request) {
  request.set_start_revision(next_);
  to_skip_ = seen_of_next_;
  seen_of_next_ = 0;
  return request;
}

void WatchProgress::on_response(etcdserverpb::WatchResponse& response) {
  if (response.created()) {
    // A watch from now on begins behind the revision at which it was made.
    if (next_ == 0) next_ = response.header().revision() + 1;
    return;
  }
  if (response.events().empty()) {
    // Progress: everything through this revision has been seen.
    if (next_ != 0 && response.header().revision() >= next_) {
      next_ = response.header().revision() + 1;
      seen_of_next_ = to_skip_ = 0;
    }
    return;
  }
  for (const auto& event : response.events()) {
    if (event.kv().mod_revision() != next_) seen_of_next_ = 0;
    next_ = event.kv().mod_revision();
    ++seen_of_next_;
  }
  const auto skipped = std::min<std::int64_t>(to_skip_, response.events_size());
  response.mutable_events()->DeleteSubrange(0, static_cast<int>(skipped));
  to_skip_ -= skipped;
  if (response.fragment()) return;
  ++next_;
  seen_of_next_ = to_skip_ = 0;
}

std::string WatchProgress::skip_to(std::int64_t compacted) {
  std::string missed;
  if (next_ != 0 && next_ < compacted)
    missed = next_ + 1 == compacted ? fmt::format("revision {}", next_)
                                    : fmt::format("revisions {} to {}", next_, compacted - 1);
  next_ = compacted;
  seen_of_next_ = to_skip_ = 0;
  return missed;
}

}  // namespace polis::cli
