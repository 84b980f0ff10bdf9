#pragma once

// Converts the typed client's values to etcd's messages and back. Only these files of the client
// know etcd's messages. Not for users of the client.
//
// Decoding functions give nullopt if the bytes are no such message.
//
// Threads: pure functions, from any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/transaction.hh"
#include "client/types.hh"

namespace polis::client::wire {

enum class Freshness { kLinearizable, kSerializable };

std::string encode(const Read& read, Freshness freshness);
std::string encode(const Write& write);
std::string encode(const Removal& removal);
std::string encode(const Txn& txn);
// A request to compact the history before `revision`.
std::string encode_compaction(Revision revision);

std::optional<Found> decode_found(std::string_view bytes);
std::optional<Written> decode_written(std::string_view bytes);
std::optional<Removed> decode_removed(std::string_view bytes);
std::optional<Committed> decode_committed(std::string_view bytes);

struct WatchCreate {
  Keys keys;
  std::optional<Revision> start;  // nullopt: the next revision after the watch is made
  bool puts = true, deletions = true;
  Previous previous = Previous::kNo;
};
std::string encode(const WatchCreate& create);
std::string encode_progress_request();

// A reply on a watch stream that has one watch.
struct WatchReply {
  std::uint64_t cell = 0;  // the cell's id: to whose history the revisions belong
  Revision at;             // the replica's revision
  bool created = false;
  bool canceled = false;
  std::optional<Revision> oldest;  // set: earlier revisions are compacted
  std::string reason;              // of `canceled`
  bool fragment = false;           // more events of the last revision follow
  std::vector<Event> events;
};
std::optional<WatchReply> decode_watch_reply(std::string_view bytes);

std::string encode_grant(std::int64_t ttl_seconds);
struct Granted {
  LeaseId lease;
  std::int64_t ttl_seconds = 0;
};
std::optional<Granted> decode_granted(std::string_view bytes);
std::string encode_keep_alive(LeaseId lease);
// The seconds that the renewed lease lives; 0: there is no such lease.
std::optional<std::int64_t> decode_kept_alive(std::string_view bytes);
std::string encode_revoke(LeaseId lease);

// A request for the members, as the replica that gets it knows them (without a quorum).
std::string encode_members_request();
// The client URLs of all members except learners.
std::optional<std::vector<std::string>> decode_member_urls(std::string_view bytes);

}  // namespace polis::client::wire
