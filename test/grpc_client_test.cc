// The official gRPC C++ client against a real process: unary and bidirectional calls, deadlines,
// cancellation, errors.

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "api/etcd/rpc.grpc.pb.h"
#include "io/reactor.hh"
#include "io/tcp.hh"

extern char** environ;

namespace polis {
namespace {

using namespace etcdserverpb;

class GrpcClientTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    {
      io::Reactor reactor;
      auto listener = reactor.network().listen({"127.0.0.1", 0}, [](auto) {});
      address_ = "127.0.0.1:" + std::to_string((*listener)->port());
    }
    directory_ =
        std::filesystem::temp_directory_path() / ("polis-grpc-" + std::to_string(io::entropy()));
    std::string data = directory_.string();
    std::vector<std::string> words{POLIS_BINARY, "dev",    "--data-dir",  data,
                                   "--client",   address_, "--log-level", "error"};
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ASSERT_EQ(posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ), 0);
    channel_ = grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
    ASSERT_TRUE(
        channel_->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10)));
  }
  static void TearDownTestSuite() {
    channel_.reset();
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    EXPECT_EQ(status, 0);
    std::filesystem::remove_all(directory_);
  }

  grpc::Status put(const std::string& key, const std::string& value) {
    grpc::ClientContext context;
    PutRequest request;
    request.set_key(key);
    request.set_value(value);
    PutResponse response;
    return kv_->Put(&context, request, &response);
  }

  static inline std::string address_;
  static inline std::filesystem::path directory_;
  static inline pid_t pid_ = 0;
  static inline std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<KV::Stub> kv_ = KV::NewStub(channel_);
};

TEST_F(GrpcClientTest, unary_calls_of_all_sizes) {
  for (std::size_t size : {0, 1, 1000, 100'000, 1'400'000}) {
    std::string value(size, 'v');
    ASSERT_TRUE(put("size", value).ok()) << size;
    grpc::ClientContext context;
    RangeRequest request;
    request.set_key("size");
    RangeResponse response;
    ASSERT_TRUE(kv_->Range(&context, request, &response).ok());
    ASSERT_EQ(response.kvs(0).value().size(), size);
  }
}

TEST_F(GrpcClientTest, errors_carry_etcds_codes_and_texts) {
  grpc::Status status = put("", "x");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "etcdserver: key is not provided");
  status = put("large", std::string(1'600'000, 'v'));
  EXPECT_EQ(status.error_message(), "etcdserver: request is too large");
  status = put("larger", std::string(5'000'000, 'v'));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(GrpcClientTest, an_unknown_method_is_unimplemented) {
  grpc::ClientContext context;
  StatusRequest request;
  StatusResponse response;
  grpc::internal::RpcMethod method("/etcdserverpb.Auth/Nothing",
                                   grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::Status status = grpc::internal::BlockingUnaryCall<StatusRequest, StatusResponse>(
      channel_.get(), method, &context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_NE(status.error_message().find("Nothing"), std::string::npos);
}

// One call by name, of methods that the stubs here do not have.
grpc::Status call(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                  google::protobuf::MessageLite& response) {
  grpc::ClientContext context;
  StatusRequest nothing;
  grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  return grpc::internal::BlockingUnaryCall<google::protobuf::MessageLite,
                                           google::protobuf::MessageLite>(
      channel.get(), method, &context, nothing, &response);
}

TEST_F(GrpcClientTest, auth_answers_as_an_etcd_without_users) {
  StatusResponse ignored;
  struct Case {
    const char* method;
    grpc::StatusCode code;
    const char* text;
  };
  for (const Case& c :
       {Case{"Authenticate", grpc::StatusCode::FAILED_PRECONDITION,
             "etcdserver: authentication is not enabled"},
        Case{"AuthEnable", grpc::StatusCode::FAILED_PRECONDITION,
             "etcdserver: root user does not exist"},
        Case{"UserGet", grpc::StatusCode::FAILED_PRECONDITION, "etcdserver: user name not found"},
        Case{"RoleDelete", grpc::StatusCode::FAILED_PRECONDITION,
             "etcdserver: role name not found"},
        Case{"UserList", grpc::StatusCode::OK, ""}, Case{"RoleList", grpc::StatusCode::OK, ""},
        Case{"AuthDisable", grpc::StatusCode::OK, ""}}) {
    grpc::Status status = call(channel_, std::string("/etcdserverpb.Auth/") + c.method, ignored);
    EXPECT_EQ(status.error_code(), c.code) << c.method;
    EXPECT_EQ(status.error_message(), c.text) << c.method;
  }
  EXPECT_EQ(call(channel_, "/etcdserverpb.Auth/UserAdd", ignored).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  AuthStatusResponse status;
  ASSERT_TRUE(call(channel_, "/etcdserverpb.Auth/AuthStatus", status).ok());
  EXPECT_FALSE(status.enabled());
  EXPECT_EQ(status.authrevision(), 1u);
}

TEST_F(GrpcClientTest, the_status_is_that_of_an_etcd_3_7) {
  auto stub = Maintenance::NewStub(channel_);
  grpc::ClientContext first, second;
  StatusResponse status;
  ASSERT_TRUE(stub->Status(&first, StatusRequest(), &status).ok());
  EXPECT_EQ(status.version(), "3.7.3");
  EXPECT_EQ(status.storageversion(), "3.7.0");
  EXPECT_GT(status.dbsizequota(), status.dbsize());
  EXPECT_TRUE(status.has_downgradeinfo());
  EXPECT_FALSE(status.downgradeinfo().enabled());
  ASSERT_TRUE(put("hashed", "1").ok());
  HashKVResponse hash;
  ASSERT_TRUE(stub->HashKV(&second, HashKVRequest(), &hash).ok());
  EXPECT_EQ(hash.hash_revision(), hash.header().revision());
}

struct Streamed {
  std::vector<RangeResponse> chunks;
  grpc::Status status;
  RangeResponse merged;
};

Streamed stream_range(
    KV::Stub& kv, const RangeRequest& request, const std::function<void()>& after_first = [] {}) {
  Streamed streamed;
  grpc::ClientContext context;
  auto reader = kv.RangeStream(&context, request);
  RangeStreamResponse response;
  while (reader->Read(&response)) {
    streamed.chunks.push_back(response.range_response());
    streamed.merged.MergeFrom(response.range_response());
    if (streamed.chunks.size() == 1) after_first();
  }
  streamed.status = reader->Finish();
  return streamed;
}

TEST_F(GrpcClientTest, a_streamed_range_holds_what_a_range_does) {
  const std::string value(10'000, 'v');
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(put("stream/" + std::to_string(i), value).ok());
  RangeRequest request;
  request.set_key("stream/");
  request.set_range_end("stream0");
  for (std::int64_t limit : {0, 1, 100, 299, 300, 500}) {
    for (bool keys_only : {false, true}) {
      request.set_limit(limit);
      request.set_keys_only(keys_only);
      grpc::ClientContext context;
      RangeResponse whole;
      ASSERT_TRUE(kv_->Range(&context, request, &whole).ok());
      Streamed streamed = stream_range(*kv_, request);
      ASSERT_TRUE(streamed.status.ok()) << streamed.status.error_message();
      EXPECT_EQ(streamed.merged.SerializeAsString(), whole.SerializeAsString()) << limit;
      // Header, more and count stand in the last message alone.
      for (std::size_t i = 0; i + 1 < streamed.chunks.size(); ++i) {
        EXPECT_FALSE(streamed.chunks[i].has_header());
        EXPECT_EQ(streamed.chunks[i].count(), 0);
        EXPECT_GT(streamed.chunks[i].kvs_size(), 0);
        EXPECT_LE(streamed.chunks[i].ByteSizeLong(), 2u << 20);
      }
      if (limit == 0 && !keys_only) {
        EXPECT_GT(streamed.chunks.size(), 3u);
      }
    }
  }
}

TEST_F(GrpcClientTest, a_streamed_range_is_of_one_revision) {
  const std::string value(10'000, 'v');
  for (int i = 1000; i < 1800; ++i) ASSERT_TRUE(put("pin/" + std::to_string(i), value).ok());
  RangeRequest request;
  request.set_key("pin/");
  request.set_range_end("pin0");
  Streamed streamed = stream_range(*kv_, request, [this] {
    ASSERT_TRUE(put("pin/1799", "changed").ok());
    ASSERT_TRUE(put("pin/9999", "new").ok());
  });
  ASSERT_TRUE(streamed.status.ok());
  ASSERT_EQ(streamed.merged.kvs_size(), 800);
  EXPECT_EQ(streamed.merged.count(), 800);
  EXPECT_EQ(streamed.merged.kvs(799).value(), value);
  EXPECT_EQ(streamed.merged.header().revision(), streamed.merged.kvs(799).mod_revision());
}

TEST_F(GrpcClientTest, a_streamed_range_of_nothing_and_of_a_count_is_one_message) {
  RangeRequest request;
  request.set_key("nothing is here");
  Streamed streamed = stream_range(*kv_, request);
  ASSERT_EQ(streamed.chunks.size(), 1u);
  EXPECT_TRUE(streamed.merged.has_header());
  EXPECT_EQ(streamed.merged.count(), 0);
  ASSERT_TRUE(put("counted", "1").ok());
  request.set_key("counted");
  request.set_count_only(true);
  streamed = stream_range(*kv_, request);
  ASSERT_EQ(streamed.chunks.size(), 1u);
  EXPECT_EQ(streamed.merged.count(), 1);
  EXPECT_EQ(streamed.merged.kvs_size(), 0);
}

TEST_F(GrpcClientTest, a_streamed_range_refuses_in_etcds_words) {
  RangeRequest request;
  Streamed streamed = stream_range(*kv_, request);
  EXPECT_EQ(streamed.status.error_message(), "etcdserver: key is not provided");
  request.set_key("a");
  request.set_sort_order(RangeRequest::DESCEND);
  streamed = stream_range(*kv_, request);
  EXPECT_EQ(streamed.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(streamed.status.error_message(), "RangeStream does not support custom sort orders");
  request.set_sort_order(RangeRequest::ASCEND);
  EXPECT_TRUE(stream_range(*kv_, request).status.ok());
  request.set_max_create_revision(5);
  streamed = stream_range(*kv_, request);
  EXPECT_EQ(streamed.status.error_message(), "RangeStream does not support revision filters");
  request.clear_max_create_revision();
  request.set_revision(1'000'000'000);
  EXPECT_EQ(stream_range(*kv_, request).status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
}

TEST_F(GrpcClientTest, a_watch_is_a_stream_in_both_directions) {
  auto stub = Watch::NewStub(channel_);
  grpc::ClientContext context;
  auto stream = stub->Watch(&context);
  WatchRequest request;
  request.mutable_create_request()->set_key("w");
  ASSERT_TRUE(stream->Write(request));
  request.mutable_create_request()->set_key("x");
  ASSERT_TRUE(stream->Write(request));
  WatchResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.created());
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.created());
  std::int64_t second = response.watch_id();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put("x", std::to_string(i)).ok());
  int seen = 0;
  while (seen < 100 && stream->Read(&response)) {
    EXPECT_EQ(response.watch_id(), second);
    for (const auto& event : response.events())
      EXPECT_EQ(event.kv().value(), std::to_string(seen++));
  }
  EXPECT_EQ(seen, 100);
  // A client that sends no more still reads: its watches live on, as in etcd.
  stream->WritesDone();
  ASSERT_TRUE(put("x", "after the half-close").ok());
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.events(0).kv().value(), "after the half-close");
  context.TryCancel();
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(GrpcClientTest, a_watch_that_asks_for_fragments_gets_large_revisions_in_pieces) {
  auto txn = [&](char fill) {
    grpc::ClientContext context;
    TxnRequest request;
    for (int i = 0; i < 14; ++i) {
      auto* one = request.add_success()->mutable_request_put();
      one->set_key("f" + std::to_string(i));
      one->set_value(std::string(100'000, fill));
    }
    TxnResponse response;
    return kv_->Txn(&context, request, &response);
  };
  ASSERT_TRUE(txn('a').ok());
  auto stub = Watch::NewStub(channel_);
  for (bool fragment : {true, false}) {
    grpc::ClientContext context;
    auto stream = stub->Watch(&context);
    WatchRequest request;
    auto* create = request.mutable_create_request();
    create->set_key("f");
    create->set_range_end("g");
    create->set_prev_kv(true);
    create->set_fragment(fragment);
    ASSERT_TRUE(stream->Write(request));
    WatchResponse response;
    ASSERT_TRUE(stream->Read(&response));
    ASSERT_TRUE(response.created());
    // 14 events of 100,000 bytes, each with its predecessor: 2.8 MB in one revision.
    ASSERT_TRUE(txn('b').ok());
    int events = 0, pieces = 0;
    do {
      ASSERT_TRUE(stream->Read(&response));
      ++pieces;
      EXPECT_EQ(response.fragment(), events + response.events_size() < 14);
      EXPECT_LE(response.ByteSizeLong(), fragment ? 1'400'000u : 4'000'000u);
      for (const auto& event : response.events()) {
        EXPECT_EQ(event.kv().value().size(), 100'000u);
        EXPECT_EQ(event.prev_kv().value().size(), 100'000u);
        EXPECT_EQ(event.kv().mod_revision(), response.header().revision());
        ++events;
      }
    } while (response.fragment());
    EXPECT_EQ(events, 14);
    EXPECT_EQ(pieces, fragment ? 3 : 1);
    context.TryCancel();
    stream->Finish();
  }
}

TEST_F(GrpcClientTest, a_cancelled_stream_ends_and_others_go_on) {
  auto stub = Watch::NewStub(channel_);
  {
    grpc::ClientContext context;
    auto stream = stub->Watch(&context);
    WatchRequest request;
    request.mutable_create_request()->set_key("c");
    ASSERT_TRUE(stream->Write(request));
    WatchResponse response;
    ASSERT_TRUE(stream->Read(&response));
    context.TryCancel();
    EXPECT_FALSE(stream->Finish().ok());
  }
  EXPECT_TRUE(put("c", "after").ok());
}

TEST_F(GrpcClientTest, a_hundred_thousand_watches_on_one_stream_and_no_more) {
  auto stub = Watch::NewStub(channel_);
  grpc::ClientContext context;
  auto stream = stub->Watch(&context);
  std::thread writer([&] {
    WatchRequest request;
    for (int i = 0; i < 100'001; ++i) {
      request.mutable_create_request()->set_key("idle" + std::to_string(i));
      if (!stream->Write(request)) return;
    }
  });
  WatchResponse response;
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    ASSERT_FALSE(response.canceled()) << i;
  }
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.canceled());
  EXPECT_NE(response.cancel_reason().find("open another stream"), std::string::npos);
  writer.join();
  EXPECT_TRUE(put("idle7", "x").ok());
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.events(0).kv().key(), "idle7");
  context.TryCancel();
  stream->Finish();
}

}  // namespace
}  // namespace polis
