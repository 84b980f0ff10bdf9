#include "etcd/services.hh"

namespace polis::etcd {

Services::Services(const ServicesOptions& options, replica::Replica& replica, http::Server& server,
                   io::Loop& loop, const storage::Engine& engine)
    : long_reads_([&loop] { loop.post([] {}); }),
      context_{replica, options.cell_id, options.member_id, long_reads_},
      leader_guard_(context_, server, loop, options.leader_patience),
      kv_(context_, server),
      range_stream_(context_, server, loop, options.call_queue_bytes),
      auth_(context_, server),
      watch_(context_, server, loop, options.call_queue_bytes, options.watch_progress_interval),
      lease_(context_, server, options.seed),
      cluster_(context_, server, options.wrong_peer),
      maintenance_(context_, server, engine),
      inner_calls_(server, loop),
      lock_(inner_calls_, server),
      election_(inner_calls_, server, options.call_queue_bytes) {}

void Services::turn_end() {
  watch_.turn_end();
  long_reads_.turn_end();
}

void Services::on_store_replaced() {
  long_reads_.on_store_replaced();
  kv_.on_store_replaced();
  range_stream_.on_store_replaced();
  watch_.on_store_replaced();
}

}  // namespace polis::etcd
