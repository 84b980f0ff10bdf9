#include "etcd/inner_calls.hh"

#include "api/etcd/rpc.pb.h"
#include "base/check.hh"

namespace polis::etcd {
namespace {

using etcdserverpb::WatchResponse;

// What is common to them: there is no connection, and so nothing ever waits to be sent.
class InnerCall : public http::ServerCall {
 public:
  void send_from(std::unique_ptr<http::MessageSource> source) override {
    std::string message;
    while (source->read(message, 1 << 20)) {
    }
    send(message);
  }
  bool open() const override { return open_; }
  std::size_t queued() const override { return 0; }
  const std::string& peer() const override {
    static const std::string self = "(this replica)";
    return self;
  }

 protected:
  // As when a client goes.
  void close() {
    open_ = false;
    auto closed = std::move(on_close);
    on_message = nullptr;
    on_half_close = nullptr;
    on_drained = nullptr;
    on_close = nullptr;
    if (closed) closed();
  }
  bool open_ = true;
};

class InnerUnary final : public InnerCall {
 public:
  explicit InnerUnary(std::function<void(const http::GrpcStatus&, std::string_view)> done)
      : done_(std::move(done)) {}
  void send(std::string_view message) override { response_ = message; }
  void finish(const http::GrpcStatus& status) override {
    if (!open_) return;
    close();
    std::exchange(done_, nullptr)(status, status.ok() ? response_ : "");
  }

 private:
  std::function<void(const http::GrpcStatus&, std::string_view)> done_;
  std::string response_;
};

// Watches may not be changed while they are told of changes, so what they are told is passed on a
// little later.
class InnerStream final : public InnerCall {
 public:
  InnerStream(io::Loop& loop, InnerCalls::News news) : loop_(loop), news_(std::move(news)) {}

  void send(std::string_view message) override {
    WatchResponse response;
    CHECK(store::parse(response, message));
    if (!response.canceled() && response.events().empty()) return;
    tell(std::move(response));
  }
  void finish(const http::GrpcStatus& status) override {
    if (status.ok()) return;
    WatchResponse response;
    response.set_canceled(true);
    response.set_cancel_reason(status.message);
    tell(std::move(response));
  }
  void ask(const etcdserverpb::WatchCreateRequest& create) {
    etcdserverpb::WatchRequest request;
    *request.mutable_create_request() = create;
    if (on_message) on_message(request.SerializeAsString());
  }
  void end() {
    news_ = nullptr;
    close();
  }

 private:
  void tell(WatchResponse response) {
    loop_.post([self = shared_from_this(), this, response = std::move(response)] {
      if (auto news = news_) news(response);  // which may end this
    });
  }

  io::Loop& loop_;
  InnerCalls::News news_;
};

class OwnedWatch final : public InnerCalls::Watch {
 public:
  explicit OwnedWatch(std::shared_ptr<InnerStream> stream) : stream_(std::move(stream)) {}
  ~OwnedWatch() override { stream_->end(); }

 private:
  std::shared_ptr<InnerStream> stream_;  // shared with what is posted
};

}  // namespace

void InnerCalls::unary(std::string_view path, const google::protobuf::MessageLite& request,
                       std::function<void(const http::GrpcStatus&, std::string_view)> done) {
  const http::Method* method = server_.methods().find(path);
  CHECK(method != nullptr && method->unary);
  method->unary(std::make_shared<InnerUnary>(std::move(done)), request.SerializeAsString());
}

std::unique_ptr<InnerCalls::Watch> InnerCalls::watch(
    const std::vector<etcdserverpb::WatchCreateRequest>& creates, News news) {
  const http::Method* method = server_.methods().find("/etcdserverpb.Watch/Watch");
  CHECK(method != nullptr && method->stream);
  auto stream = std::make_shared<InnerStream>(loop_, std::move(news));
  method->stream(stream);
  for (const auto& create : creates) stream->ask(create);
  return std::make_unique<OwnedWatch>(stream);
}

}  // namespace polis::etcd
