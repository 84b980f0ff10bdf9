#pragma once

// A request that took longer than Options::slow_request, and where its time went.
//
// Threads: the loop's.

#include <functional>

#include "base/time.hh"

namespace polis::replica {

// The times follow the stages of a request. A write is sent to the master; a quorum makes it
// durable; this replica applies it. A read is sent to the master; the master confirms that it still
// is master; this replica applies what the read must see.
struct SlowRequest {
  enum class Kind { kWrite, kRead };
  Kind kind = Kind::kWrite;
  bool timed_out = false;  // its outcome is unknown; for_apply is zero
  Duration total{};
  Duration for_master{};  // until a master was known and the request was sent to it
  Duration for_quorum{};  // from then until a quorum had the write, or had confirmed the master
  Duration for_apply{};   // from then until the request was answered
  int sent = 0;           // how often; more than once: the master changed, or a message was lost
};

// Called for one of all requests that waited together: those of one bundle, or of one read of the
// log. Null: slow requests are not reported.
using SlowSink = std::function<void(const SlowRequest&)>;

}  // namespace polis::replica
