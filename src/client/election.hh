#pragma once

// An election: one of many sessions holds an office, and everybody can see who. A candidate's
// proposal, such as its address, is what the others see while it is in office.
//
//   Candidacy candidacy(session, "monitor", "10.0.0.7:9090",
//                       {.elected = [&](FencingToken token) { ... }, .lost = ...});
//   Observer observer(client, loop, "monitor", [&](const std::optional<Office>& now) { ... });
//
// It is the same queue as `etcdctl elect monitor PROPOSAL`, and `etcdctl elect --listen monitor`
// sees its holders. What lock.hh says of losing and of tokens is true here, too.
//
// Threads: the loop's.   Life: construct -> callbacks -> destroy, also within one.

#include <map>

#include "client/claim.hh"

namespace polis::client {

struct CandidacyHandlers {
  // In office from here on. Once. The token is greater than that of everybody before.
  std::function<void(FencingToken)> elected = {};
  // Neither in office nor a candidate any more, though nobody resigned. Once, and nothing follows.
  // Codes: as for a lock.
  std::function<void(const Error&)> lost = {};
};

// Campaigns from its construction on. Destroying it without resign gives way as soon as the cell
// answers, and at the session's end at the latest. The session must be open and must outlive it.
class Candidacy {
 public:
  Candidacy(Session& session, const std::string& name, std::string proposal,
            CandidacyHandlers handlers)
      : claim_(session, name, std::move(proposal),
               {std::move(handlers.elected), std::move(handlers.lost)}) {}

  // Set exactly while it is certainly in office; reads the clock.
  std::optional<FencingToken> token() const { return claim_.token(); }
  // For transactions: holds as long as the cell sees this one in office. Only after `elected`.
  Condition still_in_office() const { return claim_.still_held(); }
  // Shows something else to the observers. In office only: kFailed with kInvalid otherwise, and
  // with kNotFound if the office was lost meanwhile.
  void proclaim(std::string proposal, std::function<void(Outcome<Nothing>)> done) {
    claim_.set_value(std::move(proposal), std::move(done));
  }
  // Gives way: token() is empty from here on. kDone: the next one's turn has come. Otherwise it
  // comes when the session ends. `lost` does not come any more.
  void resign(std::function<void(Outcome<Nothing>)> done) { claim_.release(std::move(done)); }
  const std::string& key() const { return claim_.key(); }

 private:
  Claim claim_;
};

// Who is in office.
struct Office {
  std::string key;       // of the holder's claim
  std::string proposal;  // what it shows
  FencingToken token;

  bool operator==(const Office&) const = default;
};

// Finds the holder in what a watch with a picture tells of the keys of an election. Pure; memory
// for each candidate.
class OfficeView {
 public:
  // True: the picture is whole, so that holder() says how things are now.
  bool on_page(const PicturePage& page);
  void on_changes(const Changes& changes);
  // The candidate with the smallest create revision; nothing: there is none.
  std::optional<Office> holder() const;

 private:
  std::map<std::string, KeyValue> candidates_;
};

// Tells who is in office: first as it is, then whenever it changes, also if only the proposal does.
// Holders that came and went while nobody could be reached may be left out; the last one is told.
// What it tells is true of some moment in the past: who acts on it needs the token.
class Observer {
 public:
  using Changed = std::function<void(const std::optional<Office>&)>;  // nothing: nobody
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
