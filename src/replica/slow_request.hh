#pragma once

// Where the time of a request went that took longer than it should.

#include <functional>

#include "base/time.hh"

namespace polis::replica {

// A write is sent to the master; the log makes it durable at a quorum; this replica applies it.
// A read is sent to the master; the master confirms that it still is; this replica applies what the
// read must see.
struct SlowRequest {
  enum class Kind { kWrite, kRead };
  Kind kind = Kind::kWrite;
  bool timed_out = false;  // its outcome is not known
  Duration total{};
  Duration for_master{};  // until a master was known and it was sent there
  Duration for_quorum{};  // from then until the quorum had it, or had confirmed the master
  Duration for_apply{};   // from then until it was answered
  int sent = 0;           // times; more than once: the master changed, or a message was lost
};

// Called for one request of many that waited for the same thing. Null: nobody wants to know.
using SlowSink = std::function<void(const SlowRequest&)>;

}  // namespace polis::replica
