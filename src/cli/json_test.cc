#include "cli/json.hh"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "api/polis/cell.pb.h"

namespace polis::cli {
namespace {

std::string protobufs(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  return text;
}

TEST(Json, is_protobufs_own_where_no_ids_are) {
  etcdserverpb::RangeResponse response;
  auto* kv = response.add_kvs();
  kv->set_key(std::string("k\0\xff", 3));
  kv->set_value("v");
  kv->set_mod_revision(INT64_MAX);
  response.set_count(7);
  response.set_more(true);
  EXPECT_EQ(to_json(response), protobufs(response));
  etcdserverpb::WatchResponse watch;
  watch.add_events()->set_type(mvccpb::Event::DELETE);
  watch.set_cancel_reason("a \"b\"\n");
  watch.add_events();
  EXPECT_EQ(to_json(watch).find("\\u000a") != std::string::npos, true);
  watch.set_cancel_reason("plain");
  EXPECT_EQ(to_json(watch), protobufs(watch));
  v1::StatusResponse status;
  status.set_clock_drift_max(0.0005);
  status.set_cell_version(2);
  (*status.mutable_deciding()->mutable_places())[7] = "rome";
  EXPECT_EQ(to_json(status), protobufs(status));
}

TEST(Json, ids_are_text_in_hex_in_every_message) {
  etcdserverpb::LeaseGrantResponse lease;
  lease.mutable_header()->set_cluster_id(0xabcdef0123456789);
  lease.mutable_header()->set_member_id(0x7f);
  lease.mutable_header()->set_revision(31);
  lease.set_id(0x1f);
  EXPECT_EQ(to_json(lease),
            R"({"header":{"cluster_id":"abcdef0123456789","member_id":"7f","revision":"31"},)"
            R"("ID":"000000000000001f"})");
  etcdserverpb::MemberListResponse members;
  members.add_members()->set_id(0xff);
  EXPECT_EQ(to_json(members), R"({"members":[{"ID":"ff"}]})");
  v1::MembersResponse own;
  own.set_cell_id(255);
  own.add_members()->set_id(254);
  EXPECT_EQ(to_json(own), R"({"cell_id":"ff","members":[{"id":"fe"}]})");
  mvccpb::KeyValue kv;
  kv.set_lease(-1);
  EXPECT_EQ(to_json(kv), R"({"lease":"ffffffffffffffff"})");
  v1::StatusResponse status;
  status.set_master(255);
  status.mutable_deciding()->add_voters(255);
  EXPECT_EQ(to_json(status), R"({"master":"ff","deciding":{"voters":["ff"]}})");
}

}  // namespace
}  // namespace polis::cli
