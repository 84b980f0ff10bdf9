#pragma once

// The keys and values of a cell: reads, writes, removals, transactions, and reads in pages.
//
//   Kv kv(client, loop);
//   kv.put({.key = "greeting", .value = "hello"}, [](Outcome<Written> outcome) {
//     if (outcome.done()) ...        // a quorum has it
//     else if (outcome.unknown()) ... // it may have been written: read before you write again
//     else ...                        // it was not written
//   });
//
// Reads and writes are linearizable: a read sees everything that was done before it was asked. A
// serializable read may see an older state, but answers without a quorum.
//
// Calls that nobody answers go on at other endpoints until their time is up, as far as that cannot
// make a change twice (client/calls.hh).
//
// Errors, of reads and of changes:
//   kInvalid      the request is wrong, too large or not allowed, and will stay so
//   kNotFound     the revision is compacted or lies in the future; the lease of a write has ended
//   kNoSpace      a limit of the cell is reached: its disk or memory is full, or too many requests
//                 are under way
//   kUnavailable  nobody answered, and nothing was done
//   kUnknown      changes only, and then Outcome::unknown: it may have been done, or be done yet
//   kIo           reads only: the answer could not be read
//
// Threads: the loop's.   Life: as many as wanted, on one Client that outlives them. Destroying one
// drops its calls: no callback comes afterwards. Callbacks come from the loop, never within a call;
// they may destroy the Kv.

#include <functional>
#include <memory>

#include "client/calls.hh"
#include "client/outcome.hh"
#include "client/transaction.hh"
#include "client/wire.hh"

namespace polis::client {

// Longer than a replica waits for an outcome by default (7 s), so that its answer arrives and not
// only the end of the client's patience.
inline constexpr Duration kCallTimeout = std::chrono::seconds(10);

class Kv {
 public:
  // Until the cell answers, all attempts together. More than zero.
  Kv(Client& client, io::Loop& loop, Duration timeout = kCallTimeout);

  using Freshness = wire::Freshness;

  // The keys in one answer, of 2 GiB at most. For ranges whose size is not known use Pages.
  using FoundDone = std::function<void(Result<Found>)>;
  void get(const Read& read, FoundDone done, Freshness freshness = Freshness::kLinearizable);

  void put(const Write& write, std::function<void(Outcome<Written>)> done);
  void remove(const Removal& removal, std::function<void(Outcome<Removed>)> done);

  // kSafe: the caller knows that doing it twice does it once (for example, because its condition
  // does not hold after it was done, and the other branch tells), so it goes on elsewhere when an
  // answer does not come.
  void commit(const Txn& txn, std::function<void(Outcome<Committed>)> done,
              Repeat repeat = Repeat::kNever);

  // Forgets the history before `revision`. Doing it again is harmless: kNotFound says that it was
  // done before.
  void compact(Revision revision, std::function<void(Outcome<Nothing>)> done);

 private:
  Duration timeout_;
  Calls calls_;
};

// A large range in pages of one moment: the first page fixes the revision, and all others show the
// keys as they were then, whatever changes meanwhile.
//
// The reader pulls, so a slow reader costs nobody anything. One that takes so long that its
// revision is compacted gets kNotFound, and has to begin again with another Pages.
//
// Life: construct -> next until finished. The Kv must outlive it.
class Pages {
 public:
  // `read`: its order must be kKey and its limit 0 (CHECK); everything else is respected.
  // `page_keys`: keys on one page, 1 or more.
  Pages(Kv& kv, Read read, std::int64_t page_keys = 1000);

  // The next page; its count is that of the whole range. Not while one is awaited, and not after
  // the last (CHECK). After an error it may be called again, and asks for the same page.
  void next(Kv::FoundDone done);
  // The last page was given.
  bool finished() const { return finished_; }

 private:
  void on_page(Result<Found> page, const Kv::FoundDone& done);

  Kv& kv_;
  Read read_;
  std::int64_t count_ = -1;  // of the whole range; -1: the first page is not there
  bool awaited_ = false;
  bool finished_ = false;
  // Held weakly by the page that is under way.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace polis::client
