#include "cell/http_pages.hh"

#include <fmt/format.h>

#include "host/version.hh"

namespace polis::cell {
namespace {

// What a page waits for a linearizable read. A cell that is well answers within a round trip; one
// that chooses its master has chosen it before.
constexpr Duration kReadPatience = std::chrono::seconds(1);

// One answer, when the read has ended or its time is up.
struct Waiting {
  HealthRequest request;
  std::function<void(http::HttpResponse)> respond;
  std::unique_ptr<io::Timer> late;
};

}  // namespace

HttpPages::HttpPages(etcd::Context context, http::Server& server, io::Loop& reactor,
                     const host::Metrics& metrics)
    : context_(context), reactor_(reactor) {
  server.router().add("/metrics", [&metrics](const http::ExchangePtr& exchange,
                                             const http::Request& request) {
    if (http::refused_unless_read(*exchange, request)) return;
    const auto format = host::metric_format_for(http::find_field(request.fields, "accept"));
    http::respond_with_page(*exchange, 200, host::content_type_of(format), metrics.page(format));
  });
  for (const char* path : {"/health", "/livez", "/readyz", "/livez/", "/readyz/"})
    server.add_page(path, [this](std::string_view target, const Respond& respond) {
      if (auto health = parse_health_request(target)) return on_health(*health, respond);
      respond({404, {}, std::string(http::kPageNotFound)});
    });
  server.add_page("/version", [](std::string_view, const Respond& respond) {
    respond({200, "application/json",
             fmt::format(R"({{"polis":"{}","etcdserver":"{}","etcdcluster":"{}",)"
                         R"("storage":"{}"}})"
                         "\n",
                         host::kVersion, host::kEtcdApiVersion, host::kEtcdClusterVersion,
                         host::kEtcdClusterVersion)});
  });
}

HealthState HttpPages::health() const {
  const consensus::RoleState& role = context_.replica.status_role();
  return {.has_master = role.master != consensus::kNoReplica,
          .learner = role.role == consensus::Role::kLearner,
          .space_alarm = !context_.replica.full_members().empty()};
}

void HttpPages::on_health(const HealthRequest& request, const Respond& respond) {
  if (!needs_read(request, health())) return respond(health_response(request, health(), {}));
  // Shared with the read and the timer, of which the first one answers.
  auto waiting = std::make_shared<Waiting>(Waiting{request, respond, {}});
  auto answer = [this, waiting](const store::Status& status) {
    if (!waiting->respond) return;
    waiting->late.reset();
    std::exchange(waiting->respond, nullptr)(health_response(waiting->request, health(), status));
  };
  waiting->late = reactor_.after(kReadPatience, [waiting, answer] {
    auto keep = std::move(waiting->late);
    answer(store::status::timed_out());
  });
  context_.replica.read_barrier(answer);
}

}  // namespace polis::cell
