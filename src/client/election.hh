#pragma once

// An election: one of many sessions holds an *office*, and everybody can see which. Each candidate
// has a proposal, such as its address; others see it while the candidate is in office.
//
//   Candidacy candidacy(session, "monitor", "10.0.0.7:9090",
//                       {.elected = [&](FencingToken token) { ... }, .lost = ...});
//   Observer observer(client, loop, "monitor", [&](const std::optional<Office>& now) { ... });
//
// Candidates stand in one queue with `etcdctl elect monitor PROPOSAL`, and `etcdctl elect --listen
// monitor` sees who is in office. What lock.hh says about losing a lock and about tokens holds
// here, too.
//
// Threads: the loop's.   Life: construct -> callbacks -> destroy, also within a callback.

#include <map>

#include "client/claim.hh"

namespace polis::client {

struct CandidacyHandlers {
  // The candidate is in office from now on. Called once at most. The token is greater than the
  // tokens of all earlier holders.
  std::function<void(FencingToken)> elected = {};
  // It is neither in office nor a candidate any more, though resign was not called. Called once at
  // most; no other callback follows. Codes: as LockHandlers::lost.
  std::function<void(const Error&)> lost = {};
};

// A candidate from its construction on. Destroying it without resign gives the office up as soon as
// the cell answers, and at the session's end at the latest. The session must be open (after its
// `opened`) and must outlive it.
class Candidacy {
 public:
  Candidacy(Session& session, const std::string& name, std::string proposal,
            CandidacyHandlers handlers)
      : claim_(session, name, std::move(proposal),
               {std::move(handlers.elected), std::move(handlers.lost)}) {}

  // The token while this candidate is certainly in office, by the clock, which is read now; else
  // nullopt.
  std::optional<FencingToken> token() const { return claim_.token(); }
  // A condition for transactions: true as long as this candidate is in office by the cell's state.
  // Precondition: `elected` was called (CHECK).
  Condition still_in_office() const { return claim_.still_held(); }
  // Changes the proposal that others see. kFailed with kInvalid: it is not in office. kFailed with
  // kNotFound: the office was lost meanwhile.
  void proclaim(std::string proposal, std::function<void(Outcome<Nothing>)> done) {
    claim_.set_value(std::move(proposal), std::move(done));
  }
  // Gives the office or the candidacy up: from now on token() is nullopt, and `lost` is not called.
  // kDone: the next candidate is in office now. Else it is when the session ends.
  void resign(std::function<void(Outcome<Nothing>)> done) { claim_.release(std::move(done)); }
  // The key of this candidate's claim.
  const std::string& key() const { return claim_.key(); }

 private:
  Claim claim_;
};

// The holder of the office.
struct Office {
  std::string key;       // of the holder's claim
  std::string proposal;  // the holder's
  FencingToken token;

  bool operator==(const Office&) const = default;
};

// Finds the holder of an office from the news of a watch of the election's keys, with a picture.
// Pure; takes memory for each candidate.
class OfficeView {
 public:
  // True: it was the last page of the picture, so holder() is right now.
  bool on_page(const PicturePage& page);
  void on_changes(const Changes& changes);
  // The candidate with the smallest create revision. nullopt: there is no candidate.
  std::optional<Office> holder() const;

 private:
  std::map<std::string, KeyValue> candidates_;
};

// Tells who is in office: first the present holder, then each change of the holder or of its
// proposal. Holders of a time in which no replica could be reached may be left out; the last one is
// told. What it tells was true at some moment in the past, so a user that acts on it must use the
// token.
class Observer {
 public:
  using Changed = std::function<void(const std::optional<Office>&)>;  // nullopt: nobody
  // The client must outlive it.
  Observer(Client& client, io::Loop& loop, const std::string& name, Changed changed);

 private:
  void tell();

  Changed changed_;
  OfficeView view_;
  bool told_ = false;
  std::optional<Office> last_;
  Watch watch_;
};

}  // namespace polis::client
