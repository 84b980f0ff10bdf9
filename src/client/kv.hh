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
// A call without an answer is tried at other endpoints until its time is up, if that cannot make a
// change twice (client/calls.hh).
//
// Errors, of reads and of changes:
//   kInvalid      the request is wrong, too large or not allowed, and will stay so
//   kNotFound     the revision is compacted or lies in the future; the lease of a write has ended
//   kNoSpace      a limit of the cell is reached: its disk or memory is full, or too many requests
//                 are under way
//   kUnavailable  nobody answered, and nothing was done
//   kUnknown      changes only (Outcome::unknown): it was done, will still be done, or never will
//   kIo           reads only: the answer could not be read
//
// Threads: the loop's. Callbacks come from the loop, never within a call; they may destroy the Kv.
// Life: any number of Kv on one Client, which must outlive them. Destroying a Kv drops its open
// calls: no callback follows.

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
  // `timeout`: for each call, all attempts together; more than zero.
  Kv(Client& client, io::Loop& loop, Duration timeout = kCallTimeout);

  using Freshness = wire::Freshness;

  // Reads keys in one answer, which can have at most 2 GiB. For ranges of unknown size use Pages.
  using FoundDone = std::function<void(Result<Found>)>;
  void get(const Read& read, FoundDone done, Freshness freshness = Freshness::kLinearizable);

  void put(const Write& write, std::function<void(Outcome<Written>)> done);
  void remove(const Removal& removal, std::function<void(Outcome<Removed>)> done);

  // Carries out a transaction. `repeat`: kSafe says that carrying it out twice is the same as once
  // (for example, because its condition is false after it was carried out, and the other branch
  // shows that). Then it is tried at other endpoints when no answer comes.
  void commit(const Txn& txn, std::function<void(Outcome<Committed>)> done,
              Repeat repeat = Repeat::kNever);

  // Makes the history before `revision` unreadable. kFailed with kNotFound: that was done before,
  // which is harmless; or the revision lies in the future.
  void compact(Revision revision, std::function<void(Outcome<Nothing>)> done);

 private:
  Duration timeout_;
  Calls calls_;
};

// Reads a large range in pages that show one moment: the first page fixes the revision, and all
// others show the keys at that revision, whatever changes meanwhile.
//
// Each page is read when next() is called, so a slow reader costs nothing. If it takes so long that
// its revision is compacted, it gets kNotFound, and must begin again with another Pages.
//
// Life: construct -> next until finished. The Kv must outlive it.
class Pages {
 public:
  // `read`: its order must be kKey and its limit 0 (CHECK); everything else is respected.
  // `page_keys`: keys on one page, 1 or more.
  Pages(Kv& kv, Read read, std::int64_t page_keys = 1000);

  // Reads the next page; its count is that of the whole range. Precondition: no page is awaited,
  // and !finished() (CHECK). After an error it may be called again, and reads the same page.
  void next(Kv::FoundDone done);
  // The last page was given to `done`.
  bool finished() const { return finished_; }

 private:
  void on_page(Result<Found> page, const Kv::FoundDone& done);

  Kv& kv_;
  Read read_;
  std::int64_t count_ = -1;  // of the whole range; -1: the first page has not come
  bool awaited_ = false;
  bool finished_ = false;
  // Held weakly by the page that is under way.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace polis::client
