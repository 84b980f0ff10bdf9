#pragma once

// The typed client's values as etcd's messages, and back: the only files of the client that know
// them. Not for users of the client.
//
// Decoding gives nothing if the bytes are no such message.

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
// `revision`: what was before it is forgotten.
std::string encode_compaction(Revision revision);

std::optional<Found> decode_found(std::string_view bytes);
std::optional<Written> decode_written(std::string_view bytes);
std::optional<Removed> decode_removed(std::string_view bytes);
std::optional<Committed> decode_committed(std::string_view bytes);

struct WatchCreate {
  Keys keys;
  std::optional<Revision> start;  // nothing: behind the moment at which it is made
  bool puts = true, deletions = true;
  Previous previous = Previous::kNo;
};
std::string encode(const WatchCreate& create);
std::string encode_progress_request();

// What a watch stream with one watch on it says.
struct WatchReply {
  std::uint64_t cell = 0;  // which history it speaks of
  Revision at;
  bool created = false;
  bool canceled = false;
  std::optional<Revision> oldest;  // what lies before it is compacted
  std::string reason;
  bool fragment = false;  // more of the last revision follow
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
// The seconds that the lease has from now on; 0: there is no such lease.
std::optional<std::int64_t> decode_kept_alive(std::string_view bytes);
std::string encode_revoke(LeaseId lease);

// Asks for the members as the replica that is asked knows them.
std::string encode_members_request();
// The client URLs of all members that serve clients.
std::optional<std::vector<std::string>> decode_member_urls(std::string_view bytes);

}  // namespace polis::client::wire
