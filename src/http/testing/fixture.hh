#pragma once

// Fixtures for the tests of http/: a server with a few methods and a client, on one reactor; and a
// client that can break the protocol.
//
// Threads: one.

#include <gtest/gtest.h>

#include "http/client.hh"
#include "http/server.hh"
#include "http/session.hh"
#include "io/reactor.hh"

namespace polis::http::testing {

using namespace std::chrono_literals;

// A server with a few methods, and a client, on one reactor.
class HttpTest : public ::testing::Test {
 protected:
  HttpTest() { serve({}); }
  void serve(ServerOptions options) {
    server_ = std::make_unique<Server>(reactor_, reactor_.network(), options);
    server_->add_unary("/t.T/Echo",
                       [](CallPtr call, std::string_view request) { call->reply(request); });
    server_->add_unary("/t.T/Fail", [](CallPtr call, std::string_view) {
      call->finish({5, "not \xc3\xa4 here"});
    });
    server_->add_unary("/t.T/Never", [this](CallPtr call, std::string_view) {
      call->on_close = [this] { ++closed_; };
      kept_.push_back(call);
    });
    server_->add_unary("/t.T/Large", [](CallPtr call, std::string_view) {
      struct Source : MessageSource {
        std::uint64_t left = 50 << 20;
        std::uint64_t size() const override { return 50 << 20; }
        bool read(std::string& out, std::size_t n) override {
          n = std::min<std::size_t>(n, left);
          out.append(n, 'z');
          left -= n;
          return n > 0;
        }
      };
      call->send_from(std::make_unique<Source>());
      call->finish({});
    });
    server_->add_stream("/t.T/Chat", [this](CallPtr call) {
      call->on_message = [call = call.get()](std::string_view m) {
        call->send("re: " + std::string(m));
      };
      call->on_half_close = [call = call.get()] { call->finish({}); };
      call->on_close = [this] { ++closed_; };
    });
    // As much as the client takes, and no more at a time than the queue's limit.
    server_->add_stream("/t.T/Pump", [this](CallPtr call) {
      call->on_message = [this, call = call.get()](std::string_view) { pump(*call); };
      call->on_drained = [this, call = call.get()] { pump(*call); };
    });
    server_->add_page("/health", [](std::string_view path, auto respond) {
      respond({200, "text/plain", std::string(path)});
    });
    ASSERT_TRUE(server_->listen({"127.0.0.1", 0}).has_value());
    client_ = connect();
    reactor_.at_turn_end([this] {
      if (server_) server_->turn_end();
      if (done_ && done_()) {
        done_ = nullptr;
        reactor_.stop();
      }
    });
  }
  std::unique_ptr<ClientConnection> connect() {
    return std::make_unique<ClientConnection>(reactor_, reactor_.network(),
                                              io::Address{"127.0.0.1", server_->port()});
  }
  // Runs the reactor until done() is true. Fails the test after 10 s.
  void run_until(std::function<bool()> done) {
    auto patience = reactor_.after(10s, [&] {
      ADD_FAILURE() << "timed out";
      reactor_.stop();
    });
    done_ = std::move(done);
    reactor_.post([] {});
    reactor_.run();
    done_ = nullptr;
  }
  std::pair<GrpcStatus, std::string> call(std::string_view path, std::string_view request,
                                          Duration timeout = 0s) {
    // Shared with a callback that may come after a failed wait.
    auto result = std::make_shared<std::optional<std::pair<GrpcStatus, std::string>>>();
    client_->unary(path, request, timeout, [result](const GrpcStatus& s, std::string_view r) {
      *result = {s, std::string(r)};
    });
    run_until([result] { return result->has_value(); });
    return result->value_or(std::pair<GrpcStatus, std::string>{});
  }
  std::string raw(const std::string& request) {
    auto answer = std::make_shared<std::string>();
    auto closed = std::make_shared<bool>(false);
    std::unique_ptr<io::Stream> stream;
    auto connecting =
        reactor_.network().connect({"127.0.0.1", server_->port()}, 1s, [&](auto connected) {
          stream = std::move(*connected);
          stream->start({[answer](std::string_view b) { *answer += b; },
                         [closed](const std::string&) { *closed = true; }, [] {}});
          stream->write(request);
        });
    run_until([closed] { return *closed; });
    return *answer;
  }

  void pump(ServerCall& call) {
    for (; call.queued() < (256 << 10) && pumped_ < 5 << 20; pumped_ += 64 << 10)
      call.send(std::string(64 << 10, 'p'));
    if (pumped_ == 5 << 20) call.finish({});
  }

  io::Reactor reactor_;
  std::size_t pumped_ = 0;
  std::unique_ptr<Server> server_;
  std::unique_ptr<ClientConnection> client_;
  std::vector<CallPtr> kept_;
  int closed_ = 0;
  std::function<bool()> done_;
};

// An HTTP/2 client without rules of its own: headers and bodies go out as they are given.
class RawClient final : public SessionEvents {
 public:
  struct Answer {
    std::string status, grpc_status, grpc_message, body;
    bool ended = false;
    std::uint32_t reset = 0;  // the code, if the stream was reset
  };

  RawClient(io::Reactor& reactor, std::uint16_t port)
      : reactor_(reactor),
        session_(Session::Role::kClient, {.stream_window = 4 << 20, .connection_window = 64 << 20},
                 *this),
        connecting_(reactor.network().connect({"127.0.0.1", port}, 1s, [this](auto stream) {
          stream_ = std::move(*stream);
          stream_->start({[this](std::string_view bytes) {
                            session_.feed(bytes, reactor_.now());
                            flush();
                          },
                          [this](const std::string&) { closed_ = true; },
                          [this] {
                            blocked_ = false;
                            flush();
                          }});
          flush();
        })) {}

  // A request with these fields beside the usual ones; `fields` override them by name.
  StreamId request(std::string_view path, std::string_view body, const Fields& fields = {},
                   bool end = true) {
    Fields all{{":method", "POST"},
               {":scheme", "http"},
               {":path", path},
               {":authority", "x"},
               {"content-type", "application/grpc"},
               {"te", "trailers"}};
    for (const Field& field : fields) {
      auto same = std::find_if(all.begin(), all.end(),
                               [&](const Field& f) { return f.first == field.first; });
      same == all.end() ? all.push_back(field) : void(same->second = field.second);
    }
    auto source = std::make_unique<Body>();
    source->bytes = body;
    source->end = end;
    const StreamId id = session_.request(all, source.get());
    bodies_[id] = std::move(source);
    flush();
    return id;
  }
  void send(StreamId id, std::string_view bytes, bool end) {
    bodies_[id]->bytes += bytes;
    bodies_[id]->end = end;
    session_.resume(id);
    flush();
  }
  // Bytes between two frames.
  void send_raw(std::string_view bytes) {
    raw_ += bytes;
    flush();
  }
  Answer& answer(StreamId id) { return answers_[id]; }
  bool closed() const { return closed_; }
  bool connected() const { return stream_ != nullptr; }
  // No answer's bytes are read from now on.
  void stop_reading() { stream_->pause_reading(); }
  std::size_t unsent() const { return out_.size(); }

 private:
  struct Body final : BodySource {
    std::string bytes;
    bool end = true;
    State read(std::string& out, std::size_t most) override {
      const std::size_t n = std::min(most, bytes.size());
      out.append(bytes, 0, n);
      bytes.erase(0, n);
      if (!bytes.empty()) return State::kMore;
      return end ? State::kEnd : State::kWait;
    }
  };

  void flush() {
    while (stream_ && !blocked_) {
      session_.drain(out_);
      out_ += std::exchange(raw_, {});
      if (out_.empty()) return;
      out_.erase(0, stream_->write(out_));
      blocked_ = !out_.empty();
    }
  }

  void on_headers(StreamId id, const Headers& headers, bool) override {
    for (const auto& [name, value] : headers) {
      if (name == ":status") answers_[id].status = value;
      if (name == "grpc-status") answers_[id].grpc_status = value;
      if (name == "grpc-message") answers_[id].grpc_message = value;
    }
  }
  void on_data(StreamId id, std::string_view bytes) override {
    answers_[id].body += bytes;
    session_.consumed(id, bytes.size());
  }
  void on_end(StreamId id) override { answers_[id].ended = true; }
  void on_close(StreamId id, std::uint32_t error) override {
    answers_[id].ended = true;
    answers_[id].reset = error;
  }
  void on_ping_ack() override {}
  void on_goaway(StreamId) override {}

  io::Reactor& reactor_;
  Session session_;
  std::unique_ptr<io::Stream> stream_;
  std::map<StreamId, std::unique_ptr<Body>> bodies_;
  std::map<StreamId, Answer> answers_;
  std::string out_, raw_;
  bool blocked_ = false, closed_ = false;
  std::unique_ptr<io::Connecting> connecting_;
};

// A message in the form of gRPC.
inline std::string grpc_message(std::string_view text) {
  std::string out;
  append_grpc_prefix(out, text.size());
  out += text;
  return out;
}

}  // namespace polis::http::testing
