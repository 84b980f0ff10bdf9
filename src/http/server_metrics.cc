// What a server says of itself for monitoring: connections and bytes, and calls as gRPC's servers
// count them in other languages.

#include "http/server_impl.hh"

namespace polis::http {
namespace {

// As gRPC's libraries spell the codes in their metrics.
constexpr std::array<const char*, MethodCounts::kCodes> kCodeNames{
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

const char* type_of(Streams streams) {
  switch (streams) {
    case Streams::kNobody:
      return "unary";
    case Streams::kServer:
      return "server_stream";
    case Streams::kBoth:
      return "bidi_stream";
  }
  return "";
}

// `path` is "/package.Service/Method".
void report_method(MetricSink& out, std::string_view path, const Method& method) {
  const std::size_t slash = path.rfind('/');
  const MetricLabel service{"grpc_service", path.substr(1, slash - 1)};
  const MetricLabel name{"grpc_method", path.substr(slash + 1)};
  const MetricLabel type{"grpc_type", type_of(method.streams)};
  const MethodCounts& counts = method.counts;
  auto counter = [&](const char* metric, const char* help, std::uint64_t value) {
    out.counter(metric, help, static_cast<double>(value), {service, name, type});
  };
  counter("grpc_server_started_total", "Total number of RPCs started on the server.",
          counts.started);
  counter("grpc_server_msg_received_total",
          "Total number of RPC stream messages received on the server.", counts.messages_received);
  counter("grpc_server_msg_sent_total", "Total number of gRPC stream messages sent by the server.",
          counts.messages_sent);
  for (std::size_t code = 0; code < MethodCounts::kCodes; ++code) {
    // Those that never were are left out, but for the success of what was called.
    if (counts.ended[code] == 0 && (code != 0 || counts.started == 0)) continue;
    out.counter("grpc_server_handled_total",
                "Total number of RPCs completed on the server, regardless of success or failure.",
                static_cast<double>(counts.ended[code]),
                {service, name, type, {"grpc_code", kCodeNames[code]}});
  }
}

}  // namespace

void Server::report(MetricSink& out) const {
  const ServerCounters& all = impl_->counters;
  const Traffic& messages = impl_->calls.traffic;
  auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    out.gauge(name, help, static_cast<double>(value));
  };
  auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    out.counter(name, help, static_cast<double>(value));
  };
  gauge("polis_client_connections", "Open client connections", all.connections_open);
  counter("polis_client_connections_refused_total",
          "Client connections that were refused, since there was no room for more",
          all.connections_refused);
  gauge("polis_client_calls", "Open calls", all.calls_open);
  counter("polis_client_calls_total", "Calls begun", all.calls_started);
  counter("polis_client_bytes_received_total", "Bytes from clients", all.bytes_received);
  counter("polis_client_bytes_sent_total", "Bytes to clients", all.bytes_sent);
  counter("etcd_network_client_grpc_received_bytes_total",
          "The total number of bytes received from grpc clients.", messages.received);
  counter("etcd_network_client_grpc_sent_bytes_total",
          "The total number of bytes sent to grpc clients.", messages.sent);
  std::as_const(impl_->grpc).methods().for_each([&](const std::string& path, const Method& method) {
    report_method(out, path, method);
  });
}

}  // namespace polis::http
