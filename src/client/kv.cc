#include "client/kv.hh"

namespace polis::client {
namespace {

// A `then` of Outcome: the value in the bytes of an answer. `otherwise`: what an answer that cannot
// be read means.
template <typename T>
auto decoded(std::optional<T> (*decode)(std::string_view),
             ErrorCode otherwise = ErrorCode::kUnknown) {
  return [decode, otherwise](const std::string& bytes) -> Result<T> {
    if (auto made = decode(bytes)) return std::move(*made);
    return fail(otherwise, "the answer of the cell cannot be read");
  };
}

}  // namespace

Kv::Kv(Client& client, io::Loop& loop, Duration timeout) : timeout_(timeout), calls_(client, loop) {
  CHECK(timeout > Duration::zero());
}

void Kv::get(const Read& read, FoundDone done, Freshness freshness) {
  calls_.call("/etcdserverpb.KV/Range", wire::encode(read, freshness), timeout_, Repeat::kRead,
              [done = std::move(done), at = read.at](Outcome<std::string> bytes) {
                auto outcome = std::move(bytes).then(decoded(wire::decode_found, ErrorCode::kIo));
                if (!outcome.done()) return done(std::unexpected(outcome.error()));
                if (at) outcome.value().at = *at;  // the header tells the newest
                done(std::move(outcome.value()));
              });
}

void Kv::put(const Write& write, std::function<void(Outcome<Written>)> done) {
  calls_.call("/etcdserverpb.KV/Put", wire::encode(write), timeout_, Repeat::kNever,
              [done = std::move(done)](Outcome<std::string> bytes) {
                done(std::move(bytes).then(decoded(wire::decode_written)));
              });
}

void Kv::remove(const Removal& removal, std::function<void(Outcome<Removed>)> done) {
  calls_.call("/etcdserverpb.KV/DeleteRange", wire::encode(removal), timeout_, Repeat::kNever,
              [done = std::move(done)](Outcome<std::string> bytes) {
                done(std::move(bytes).then(decoded(wire::decode_removed)));
              });
}

void Kv::commit(const Txn& txn, std::function<void(Outcome<Committed>)> done, Repeat repeat) {
  calls_.call("/etcdserverpb.KV/Txn", wire::encode(txn), timeout_, repeat,
              [done = std::move(done)](Outcome<std::string> bytes) {
                done(std::move(bytes).then(decoded(wire::decode_committed)));
              });
}

void Kv::compact(Revision revision, std::function<void(Outcome<Nothing>)> done) {
  calls_.call("/etcdserverpb.KV/Compact", wire::encode_compaction(revision), timeout_,
              Repeat::kSafe, [done = std::move(done)](Outcome<std::string> bytes) {
                done(std::move(bytes).then(
                    [](const std::string&) -> Result<Nothing> { return Nothing(); }));
              });
}

Pages::Pages(Kv& kv, Read read, std::int64_t page_keys) : kv_(kv), read_(std::move(read)) {
  CHECK(read_.order == Read::Order::kKey && read_.limit == 0 && page_keys > 0);
  read_.limit = page_keys;
}

void Pages::next(Kv::FoundDone done) {
  CHECK(!awaited_ && !finished_);
  awaited_ = true;
  kv_.get(read_, [this, done = std::move(done), alive = std::weak_ptr(alive_)](Result<Found> page) {
    if (!alive.expired()) on_page(std::move(page), done);
  });
}

void Pages::on_page(Result<Found> page, const Kv::FoundDone& done) {
  awaited_ = false;
  if (page) {
    if (count_ < 0) count_ = page->count;
    page->count = count_;  // that of a later page counts only what lies behind
    read_.at = page->at;
    finished_ = !page->more;
    if (!page->keys.empty()) read_.keys = read_.keys.behind(page->keys.back().key);
  }
  done(std::move(page));
}

}  // namespace polis::client
