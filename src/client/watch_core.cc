#include "client/watch_core.hh"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hh"

namespace polis::client {
namespace {

Revision revision_of(const Event& event) { return moment_of(event.now.changed); }

std::size_t bytes_of(const KeyValue& kv) { return kv.key.size() + kv.value.size() + 64; }

std::size_t bytes_of(const Event& event) {
  return bytes_of(event.now) + (event.before ? bytes_of(*event.before) : 0);
}

}  // namespace

// --- streams
// ------------------------------------------------------------------------------------------------

void WatchCore::start(Instant now) {
  CHECK(!(options_.picture && options_.from));
  if (options_.picture) return begin_picture();
  begin_stream(now);
}

void WatchCore::begin_stream(Instant now) {
  state_ = State::kOpening;
  output_.open = true;
  heard_ = now;
  probed_ = false;
  skip_ = told_of_next_;
}

// What belongs to a revision that is not whole will come again.
void WatchCore::drop_stream() {
  if (streaming()) output_.close = true;
  output_.open = output_.probe = false;
  partial_.clear();
  partial_bytes_ = 0;
}

void WatchCore::retry(Instant now) {
  state_ = State::kWaiting;
  retry_at_ = now + retry_;
  retry_ = std::clamp(retry_ * 2, options_.retry_min, options_.retry_max);
}

void WatchCore::interrupt(const std::string& why) {
  if (std::exchange(interrupted_, true)) return;
  tell(Interrupted{why});
}

void WatchCore::end(const std::string& why) {
  drop_stream();
  state_ = State::kEnded;
  tell(WatchEnded{why});
}

void WatchCore::on_closed(const std::string& why, Instant now) {
  if (!streaming()) return;
  if (state_ == State::kWatching && now - created_at_ >= kLivedMin) retry_ = Duration::zero();
  interrupt(why);
  drop_stream();
  output_.move_on = true;
  retry(now);
}

void WatchCore::on_time(Instant now) {
  if (state_ == State::kWaiting && now >= retry_at_) {
    if (!picture_due_) return begin_stream(now);
    state_ = State::kReading;
    return ask_for_page();
  }
  if (!streaming() || now < heard_ + options_.silence) return;
  if (now >= heard_ + options_.silence + patience_) {
    patience_ = std::min<Duration>(patience_ * 2, kPatienceMax);
    return on_closed("the replica says nothing", now);
  }
  if (state_ == State::kWatching && !std::exchange(probed_, true)) output_.probe = true;
}

Instant WatchCore::next_wake() const {
  if (state_ == State::kWaiting) return retry_at_;
  if (!streaming()) return Instant::max();
  const bool to_probe = state_ == State::kWatching && !probed_;
  return heard_ + options_.silence + (to_probe ? Duration::zero() : patience_);
}

// --- answers
// ------------------------------------------------------------------------------------------------

void WatchCore::on_reply(wire::WatchReply reply, std::size_t endpoints, Instant now) {
  if (!streaming()) return;
  heard_ = now;
  probed_ = false;
  if (reply.canceled) return on_canceled(reply, endpoints, now);
  if (reply.created) return on_created(reply, now);
  if (state_ != State::kWatching) return;
  if (!reply.events.empty()) {
    on_events(std::move(reply));
    return hold_if_too_much();
  }
  // Progress. While a revision is not whole it would say too much.
  if (reply.at < *next_ || !partial_.empty() || skip_ > 0 || told_of_next_ > 0) return;
  patience_ = options_.patience;
  next_ = reply.at.next();
  tell(Progress{reply.at});
}

void WatchCore::on_created(const wire::WatchReply& reply, Instant now) {
  state_ = State::kWatching;
  created_at_ = now;
  refusals_ = 0;
  if (std::exchange(interrupted_, false)) tell(Resumed{});
  const bool other = cell_ != 0 && reply.cell != cell_;
  cell_ = reply.cell;
  if (other) return on_other_history(reply.at, now);
  // One from now on begins behind the revision at which it is made.
  if (!next_) next_ = reply.at.next();
}

void WatchCore::on_canceled(const wire::WatchReply& reply, std::size_t endpoints, Instant now) {
  if (reply.oldest) return on_compacted(*reply.oldest, now);
  // All replicas refuse what is wrong; a single one refuses what it has no room for.
  if (reply.created && ++refusals_ >= endpoints) return end(reply.reason);
  on_closed(reply.reason.empty() ? "the replica ended the watch" : reply.reason, now);
}

void WatchCore::on_compacted(Revision oldest, Instant now) {
  const Revision from = next_.value_or(oldest);
  drop_stream();
  told_of_next_ = 0;
  // It says that what we ask for is there: not again and again at once.
  if (from >= oldest) return retry(now);
  if (options_.picture) {
    missed_ = missed_.value_or(from);
    missed_why_ = MissedWhy::kCompacted;
    return begin_picture();
  }
  tell(Missed{MissedWhy::kCompacted, from, oldest.previous()});
  next_ = oldest;
  begin_stream(now);
}

void WatchCore::on_other_history(Revision newest, Instant now) {
  if (!next_) {
    next_ = newest.next();
    return;
  }
  drop_stream();
  told_of_next_ = 0;
  if (options_.picture) {
    missed_ = missed_.value_or(*next_);
    missed_why_ = MissedWhy::kRestored;
    return begin_picture();
  }
  tell(Missed{MissedWhy::kRestored, *next_, newest});
  next_ = newest.next();
  begin_stream(now);
}

// --- changes
// ------------------------------------------------------------------------------------------------

void WatchCore::on_events(wire::WatchReply reply) {
  patience_ = options_.patience;
  const Revision last = revision_of(reply.events.back());
  for (Event& event : reply.events) {
    const Revision revision = revision_of(event);
    if (revision < *next_) continue;  // told before
    if (revision > *next_ && partial_.empty()) skip_ = 0;
    if (skip_ > 0) {
      --skip_;
      continue;
    }
    partial_bytes_ += bytes_of(event);
    partial_.push_back(std::move(event));
  }
  if (!reply.fragment) {
    skip_ = 0;
    return tell_whole(partial_.size(), last);
  }
  // The last revision goes on in the next answer; those before it are whole.
  const auto whole = std::find_if(partial_.begin(), partial_.end(),
                                  [&](const Event& event) { return revision_of(event) == last; });
  if (whole != partial_.begin())
    tell_whole(static_cast<std::size_t>(whole - partial_.begin()), last.previous());
  if (partial_bytes_ > options_.joined_bytes_max) tell_part();
}

// The first of those that came: with them, everything through `through` is told.
void WatchCore::tell_whole(std::size_t events, Revision through) {
  if (through >= *next_) {
    next_ = through.next();
    told_of_next_ = 0;
  }
  // Parts of it were told before, and this was the end of them.
  if (events == 0) return tell(Progress{through});
  Changes changes{.through = through};
  const auto end = partial_.begin() + static_cast<std::ptrdiff_t>(events);
  changes.events.assign(std::make_move_iterator(partial_.begin()), std::make_move_iterator(end));
  partial_.erase(partial_.begin(), end);
  std::size_t bytes = 0;
  for (const Event& event : changes.events) bytes += bytes_of(event);
  partial_bytes_ -= bytes;
  tell(std::move(changes), bytes);
}

// All that there is of a revision that is too large.
void WatchCore::tell_part() {
  const Revision revision = revision_of(partial_.back());
  if (revision > *next_) {
    next_ = revision;
    told_of_next_ = 0;
  }
  told_of_next_ += partial_.size();
  Changes changes{
      .events = std::exchange(partial_, {}), .through = revision.previous(), .more = true};
  tell(std::move(changes), std::exchange(partial_bytes_, 0));
}

// --- the picture
// ------------------------------------------------------------------------------------------------

void WatchCore::begin_picture() {
  picture_due_ = true;
  page_first_ = true;
  state_ = State::kReading;
  ask_for_page();
}

void WatchCore::ask_for_page() {
  page_asked_ = true;
  output_.read = true;
  output_.read_fresh = page_first_;
}

void WatchCore::on_page(Result<Found> page, bool last, Instant now) {
  if (state_ != State::kReading) return;
  page_asked_ = false;
  if (!page) {
    if (page.error().code == ErrorCode::kInvalid) return end(page.error().text);
    // Its revision is gone: what was told of this picture is void.
    if (page.error().code == ErrorCode::kNotFound) page_first_ = true;
    interrupt(page.error().text);
    return retry(now);
  }
  retry_ = Duration::zero();
  if (std::exchange(interrupted_, false)) tell(Resumed{});
  if (missed_ && page_first_) tell(Missed{missed_why_, *missed_, page->at});
  std::size_t bytes = 0;
  for (const KeyValue& kv : page->keys) bytes += bytes_of(kv);
  const Revision at = page->at;
  tell(PicturePage{at, std::move(page->keys), std::exchange(page_first_, false), last}, bytes);
  if (!last) return;  // the next one when this one was taken
  picture_due_ = false;
  missed_.reset();
  next_ = at.next();
  begin_stream(now);
}

// --- the user
// ------------------------------------------------------------------------------------------------

void WatchCore::tell(WatchNews news, std::size_t bytes) {
  if (std::holds_alternative<Progress>(news) && !news_.empty() &&
      std::holds_alternative<Progress>(news_.back().first)) {
    news_.pop_back();  // the later one says more
  }
  news_bytes_ += bytes;
  news_.emplace_back(std::move(news), bytes);
}

void WatchCore::hold_if_too_much() {
  if (!paused_ || !streaming() || news_bytes_ + partial_bytes_ <= options_.waiting_bytes_max)
    return;
  drop_stream();
  state_ = State::kHeld;
}

void WatchCore::resume(Instant now) {
  paused_ = false;
  if (state_ == State::kHeld) begin_stream(now);
}

WatchCore::Output WatchCore::take_output() {
  output_.wake = next_wake();
  return std::exchange(output_, {});
}

std::optional<WatchNews> WatchCore::take_news() {
  if (paused_) return std::nullopt;
  if (news_.empty()) {
    if (state_ == State::kReading && !page_asked_) ask_for_page();
    return std::nullopt;
  }
  auto [news, bytes] = std::move(news_.front());
  news_.pop_front();
  news_bytes_ -= bytes;
  return std::move(news);
}

}  // namespace polis::client
