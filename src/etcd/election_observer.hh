#pragma once

// Tells a client who is in office, each time that changes or says something else: one stream of
// Election.Observe.
//
// A client that does not read is told the newest state when it does, and nothing of what was
// between.
//
// Threads: the loop's. Life: begin; it lives as long as the client's call.

#include <memory>
#include <string>

#include "etcd/inner_calls.hh"

namespace etcdserverpb {
class RangeResponse;
class ResponseHeader;
}  // namespace etcdserverpb
namespace mvccpb {
class KeyValue;
}

namespace polis::etcd {

class ElectionObserver : public std::enable_shared_from_this<ElectionObserver> {
 public:
  static void begin(InnerCalls& inner, http::CallPtr call, const std::string& name,
                    std::size_t queue_bytes_max);

  // For `begin` alone.
  ElectionObserver(InnerCalls& inner, http::CallPtr call, const std::string& name,
                   std::size_t queue_bytes_max);

 private:
  void look();
  void on_looked(const http::GrpcStatus& status, const etcdserverpb::RangeResponse& response);
  void watch_office(const std::string& key, std::int64_t from);
  void watch_queue(std::int64_t from);
  void on_news(const etcdserverpb::WatchResponse& news, bool office);
  void tell(const etcdserverpb::ResponseHeader& header, std::int64_t revision,
            const mvccpb::KeyValue& kv);
  void look_later();

  InnerCalls& inner_;
  http::CallPtr call_;  // null when it is over
  std::string prefix_;
  std::size_t queue_bytes_max_;
  std::unique_ptr<InnerCalls::Watch> watch_;
  std::unique_ptr<io::Timer> timer_;
  bool waits_for_room_ = false;  // nothing is watched meanwhile
  std::int64_t told_ = 0;        // the mod revision that the client was told last
};

}  // namespace polis::etcd
