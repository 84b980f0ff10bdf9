#include "json/translate.hh"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "api/etcd/rpc.pb.h"
#include "api/polis/cell.pb.h"
#include "base/random.hh"
#include "json/objects.hh"
#include "json/text.hh"

namespace polis::json {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::PutRequest;
using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::TxnRequest;
using etcdserverpb::WatchCreateRequest;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

Result<std::string> to_message(const Descriptor& type, std::string_view text,
                               Rest rest = Rest::kRefused) {
  Schemas schemas;
  std::string out = "before";
  if (auto done = json::to_message(schemas.of(type), text, out, rest); !done)
    return std::unexpected(done.error());
  EXPECT_TRUE(out.starts_with("before"));
  return out.substr(6);
}

Result<std::string> from_message(const Descriptor& type, std::string_view bytes) {
  Schemas schemas;
  std::string out = "before";
  auto done = json::from_message(schemas.of(type), bytes, out);
  EXPECT_TRUE(out.starts_with("before"));
  if (done) return out.substr(6);
  EXPECT_EQ(out, "before");
  return std::unexpected(done.error());
}

template <typename Message>
Message read(std::string_view text) {
  Message message;
  auto bytes = to_message(*Message::descriptor(), text);
  EXPECT_TRUE(bytes.has_value()) << text << ": " << bytes.error().text;
  EXPECT_TRUE(message.ParseFromString(bytes.value_or("")));
  return message;
}

TEST(Translate, requests_are_read_as_etcds_gateway_reads_them) {
  EXPECT_EQ(read<PutRequest>(R"({"key":"Zm9v","value":"YmFy"})").key(), "foo");
  EXPECT_TRUE(read<PutRequest>(R"({"prev_kv":true})").prev_kv());
  EXPECT_TRUE(read<PutRequest>(R"({"prevKv":true})").prev_kv());
  EXPECT_EQ(read<PutRequest>(R"({"lease":"9007199254740993"})").lease(), 9007199254740993);
  EXPECT_EQ(read<PutRequest>(R"({"lease":5})").lease(), 5);
  EXPECT_EQ(read<PutRequest>(R"({"unknown":{"a":[1]},"key":"YQ=="})").key(), "a");
  EXPECT_EQ(read<PutRequest>(R"({"key":"YQ"})").key(), "a");          // without padding
  EXPECT_EQ(read<PutRequest>(R"({"key":"_-8"})").key(), "\xff\xef");  // the other alphabet
  EXPECT_EQ(read<PutRequest>("").ByteSizeLong(), 0u);
  EXPECT_EQ(read<PutRequest>(R"({"key":null})").key(), "");
  EXPECT_EQ(read<RangeRequest>(R"({"sort_order":"DESCEND"})").sort_order(), RangeRequest::DESCEND);
  for (auto wrong : {R"({"key":"!"})", R"({"lease":"x"})", R"({"lease":1.5})", R"({"prev_kv":1})",
                     R"([])", R"({"key":)", R"("x")"})
    EXPECT_FALSE(to_message(*PutRequest::descriptor(), wrong).has_value()) << wrong;
}

std::string refusal(std::string_view text) {
  auto message = to_message(*PutRequest::descriptor(), text);
  return message ? "" : message.error().text;
}

TEST(Translate, what_two_readers_could_take_for_different_requests_is_refused_in_etcds_words) {
  EXPECT_EQ(refusal(R"({"key":"YQ==","key":"Yg=="})"),
            "proto: (line 1:15): duplicate field \"key\"");
  EXPECT_EQ(refusal("{\"prev_kv\":true,\n \"prevKv\":true}"),
            "proto: (line 2:2): duplicate field \"prevKv\"");
  EXPECT_NE(refusal(R"({"key":"YQ==","k\u0065y":"Yg=="})"), "");
  EXPECT_EQ(refusal("{'key':'YQ=='}"),
            "invalid character '\\'' looking for beginning of object key string");
  EXPECT_EQ(refusal(R"({"key":"YQ==",})"),
            "invalid character '}' looking for beginning of object key string");
  EXPECT_EQ(refusal(R"({key:"YQ=="})"),
            "invalid character 'k' looking for beginning of object key string");
  EXPECT_EQ(refusal(R"({"key":"YQ==")"), "unexpected EOF");
  EXPECT_EQ(refusal(R"({"lease":)"), "unexpected EOF");
  EXPECT_EQ(refusal("null"), "proto: syntax error (line 1:1): unexpected token null");
  EXPECT_EQ(refusal("[]"), "proto: syntax error (line 1:1): unexpected token [");
  EXPECT_EQ(refusal(R"("x")"), "proto: syntax error (line 1:1): unexpected token \"x\"");
  for (auto wrong : {R"({"lease":01})", R"({"lease":+1})", R"({"lease":1.})", R"({"lease":0x1})",
                     R"({"a":[1,]})", R"({"a":tru})", R"({"a":"\x"})", R"({"a":"\u12g4"})",
                     "{\"a\":\"\n\"}", R"({"a" 1})", R"({"a":1 "b":2})", R"({} {})", "{/**/}"})
    EXPECT_NE(refusal(wrong), "") << wrong;
  EXPECT_EQ(refusal("{\"a\":" + std::string(100'000, '[')),
            "invalid character '[' exceeded max depth");
  const auto* txn = etcdserverpb::TxnRequest::descriptor();
  EXPECT_EQ(to_message(*txn, R"({"success":[null]})").error().text,
            "proto: syntax error (line 1:13): unexpected token null");
  EXPECT_EQ(to_message(*txn, R"({"success":{}})").error().text,
            "proto: syntax error (line 1:12): unexpected token {");
}

TEST(Translate, every_form_of_json_is_taken) {
  EXPECT_EQ(refusal(" {\r\n\t\"key\" : \"YQ==\" , \"lease\" : -0 } "), "");
  EXPECT_EQ(
      refusal(R"({"a":{"b":1,"b":[[],{},[1.5e+3,-2E-1,0.1]]},"c":"\u00e4\"\\\/\n","c":null})"), "")
      << "fields that are not known may be anything";
  EXPECT_EQ(refusal(R"({"key":null,"prev_kv":false,"lease":1e2})"), "");
  EXPECT_TRUE(to_message(*etcdserverpb::TxnRequest::descriptor(), R"({"success":null})"));
}

TEST(Translate, answers_are_printed_as_etcd_prints_them) {
  RangeResponse response;
  response.mutable_header()->set_cluster_id(14841639068965178418u);
  response.mutable_header()->set_revision(7);
  auto* kv = response.add_kvs();
  kv->set_key("foo");
  kv->set_value("<bar>");
  kv->set_mod_revision(7);
  response.set_count(1);
  EXPECT_EQ(from_message(*RangeResponse::descriptor(), response.SerializeAsString()).value(),
            R"({"header":{"cluster_id":"14841639068965178418","revision":"7"},)"
            R"("kvs":[{"key":"Zm9v","mod_revision":"7","value":"PGJhcj4="}],"count":"1"})");
  EXPECT_EQ(from_message(*RangeResponse::descriptor(), "").value(), "{}");
  EXPECT_FALSE(from_message(*RangeResponse::descriptor(), "\xff").has_value());
}

TEST(ObjectReader, objects_are_found_in_any_cut) {
  const std::string text = R"( {"a":"}{\"\\"} {"b":[{"c":1}]}{})";
  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    ObjectReader reader(100);
    std::vector<std::string> seen;
    std::string_view object;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      reader.add(std::string_view(text).substr(at, piece));
      while (reader.next(object) == ObjectReader::Outcome::kObject) seen.emplace_back(object);
    }
    EXPECT_EQ(seen, (std::vector<std::string>{R"({"a":"}{\"\\"})", R"({"b":[{"c":1}]})", "{}"}));
    EXPECT_TRUE(reader.only_blanks_left());
  }
  ObjectReader reader(10);
  std::string_view object;
  reader.add("x");
  EXPECT_EQ(reader.next(object), ObjectReader::Outcome::kNoObject);
  ObjectReader small(10);
  small.add(R"({"a":"0123456789)");
  EXPECT_EQ(small.next(object), ObjectReader::Outcome::kTooLarge);
}

TEST(Translate, whole_numbers_are_taken_in_every_form_that_etcd_takes) {
  const auto lease = [](const std::string& text) {
    return read<PutRequest>("{\"lease\":" + text + "}").lease();
  };
  EXPECT_EQ(lease("1.0"), 1);
  EXPECT_EQ(lease("1e2"), 100);
  EXPECT_EQ(lease("\"1e2\""), 100);
  EXPECT_EQ(lease("\"1.0\""), 1);
  EXPECT_EQ(lease("1200e-2"), 12);
  EXPECT_EQ(lease("0.12E+2"), 12);
  EXPECT_EQ(lease("0e999999999999999999999"), 0);
  EXPECT_EQ(lease("\"\\u0035\""), 5);
  EXPECT_EQ(lease("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(lease("922337203685477580700e-2"), 9223372036854775807);
  for (auto wrong :
       {"1.5", "\"\"", "\" 1\"", "\"1 \"", "\"+1\"", "\"007\"", "\"0x10\"", "true", "1e19",
        "9223372036854775808", "1e999999999999999999999", "1e-1", "\"1,2\"", "\"-\""})
    EXPECT_NE(refusal(std::string("{\"lease\":") + wrong + "}"), "") << wrong;
}

TEST(Translate, names_of_enums_that_are_not_known_say_nothing) {
  EXPECT_EQ(read<RangeRequest>(R"({"sort_order":2.0})").sort_order(), RangeRequest::DESCEND);
  EXPECT_EQ(read<RangeRequest>(R"({"sort_order":7})").sort_order(), 7);
  EXPECT_EQ(read<RangeRequest>(R"({"sort_order":-7})").sort_order(), -7);
  for (auto none : {"\"descend\"", "\"NOPE\"", "\"2\"", "\"\""})
    EXPECT_EQ(read<RangeRequest>(std::string("{\"sort_order\":") + none + "}").sort_order(), 0);
  const auto create = read<WatchCreateRequest>(R"({"filters":["NODELETE","NOPE",0,1]})");
  EXPECT_EQ(create.filters_size(), 3);
  EXPECT_EQ(create.filters(0), WatchCreateRequest::NODELETE);
  const auto* range = RangeRequest::descriptor();
  for (auto wrong : {"true", "[]", "{}", "2.5", "4294967296"})
    EXPECT_FALSE(to_message(*range, std::string("{\"sort_order\":") + wrong + "}")) << wrong;
}

TEST(Translate, bytes_are_taken_in_every_form_that_etcd_takes) {
  const auto key = [](const std::string& text) {
    return read<PutRequest>("{\"key\":\"" + text + "\"}").key();
  };
  EXPECT_EQ(key("Zm9v"), "foo");
  EXPECT_EQ(key("Zm9vYg=="), "foob");
  EXPECT_EQ(key("Zm9vYg"), "foob");
  EXPECT_EQ(key("Zm9vYmE="), "fooba");
  EXPECT_EQ(key("YR=="), "a") << "bits that nobody needs";
  EXPECT_EQ(key("Zm9v\\nYmFy"), "foobar");
  EXPECT_EQ(key("Zm9v\\r\\n\\r\\nYg=="), "foob");
  EXPECT_EQ(key("\\u005a\\u006d9v"), "foo");
  EXPECT_EQ(key("\\/\\/\\/\\/"), "\xff\xff\xff");
  EXPECT_EQ(key("-_-_"), "\xfb\xff\xbf");
  std::string all;
  for (int i = 0; i < 256; ++i) {
    all += static_cast<char>(i);
    PutRequest put;
    put.set_key(all);
    const std::string text =
        from_message(*PutRequest::descriptor(), put.SerializeAsString()).value();
    EXPECT_EQ(read<PutRequest>(text).key(), all);
  }
  for (auto wrong : {"!", "Y", "YQ=", "YQ===", "====", "=", "Y=Q=", "YQ==YQ==", " YQ==", "YQ ==",
                     "-/-/", "\\u00e4aaa", "Zm9vY", "Yg\\n=="})
    EXPECT_NE(refusal(std::string("{\"key\":\"") + wrong + "\"}"), "") << wrong;
  EXPECT_NE(refusal("{\"key\":\"Zm9v\n\"}"), "");
}

TEST(Translate, a_value_of_the_wrong_type_is_told_in_etcds_words) {
  EXPECT_EQ(refusal(R"({"key":"!"})"),
            R"(proto: (line 1:8): invalid value for bytes field key: "!")");
  EXPECT_EQ(refusal("{\n \"prev_kv\": 1}"),
            "proto: (line 2:13): invalid value for bool field prevKv: 1");
  EXPECT_EQ(refusal(R"({"key":[1]})"), "proto: (line 1:8): invalid value for bytes field key: [");
  EXPECT_EQ(refusal(R"({"key":{}})"), "proto: (line 1:8): invalid value for bytes field key: {");
  EXPECT_EQ(refusal(R"({"lease":1.5})"),
            "proto: (line 1:10): invalid value for int64 field lease: 1.5");
  EXPECT_EQ(refusal(R"({"lease":"x"})"),
            R"(proto: (line 1:10): invalid value for int64 field lease: "x")");
  EXPECT_EQ(to_message(*RangeRequest::descriptor(), R"({"sort_order":true})").error().text,
            "proto: (line 1:15): invalid value for enum field sortOrder: true");
  EXPECT_EQ(refusal("{\"key\":\"\xff\"}"),
            "proto: syntax error (line 1:8): invalid UTF-8 in string");
  EXPECT_NE(refusal("{\"none\":\"\xc0\x80\"}"), "");
  EXPECT_NE(refusal("{\"none\":\"\xed\xa0\x80\"}"), "");
  EXPECT_NE(refusal(R"({"none":"\ud800"})"), "") << "half of a pair";
  EXPECT_NE(refusal(R"({"none":"\udc00\ud800"})"), "");
  EXPECT_EQ(refusal(R"({"none":"\ud83d\ude00"})"), "");
  EXPECT_EQ(refusal("{\"key\":1,"), "unexpected EOF") << "what is no JSON is told first";
  EXPECT_EQ(refusal("{\"key\":"), "unexpected EOF");
  EXPECT_EQ(refusal("\xef\xbb\xbf{}"), "invalid character 'ï' looking for beginning of value");
}

TEST(Translate, of_a_oneof_one_member_may_be_given) {
  const auto* compare = Compare::descriptor();
  EXPECT_EQ(to_message(*compare, R"({"version":"1","createRevision":"2"})").error().text,
            "proto: (line 1:16): error parsing \"createRevision\", oneof "
            "etcdserverpb.Compare.target_union is already set");
  EXPECT_TRUE(to_message(*compare, R"({"version":"1","createRevision":null})"));
  const auto zero = read<Compare>(R"({"version":"0"})");
  EXPECT_EQ(zero.target_union_case(), Compare::kVersion) << "zero is a value here";
  EXPECT_EQ(from_message(*compare, zero.SerializeAsString()).value(), R"({"version":"0"})");
  EXPECT_EQ(read<Compare>(R"({"value":""})").target_union_case(), Compare::kValue);
}

TEST(Translate, what_follows_the_first_value_may_be_passed_over) {
  const auto* put = PutRequest::descriptor();
  EXPECT_TRUE(to_message(*put, R"({"key":"YQ=="} ]]"what)", Rest::kIgnored));
  EXPECT_FALSE(to_message(*put, R"({"key":"YQ==") x})", Rest::kIgnored));
  EXPECT_EQ(to_message(*put, R"({"key":1} x)", Rest::kIgnored).error().text,
            "proto: (line 1:8): invalid value for bytes field key: 1");
  EXPECT_EQ(to_message(*put, "", Rest::kIgnored).value(), "");
}

TEST(Translate, messages_within_messages_have_a_bound) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += R"({"success":[{"request_txn":)";
    text += "{}";
    for (int i = 0; i < depth; ++i) text += "}]}";
    return to_message(*TxnRequest::descriptor(), text);
  };
  TxnRequest request;
  ASSERT_TRUE(nested(45));
  EXPECT_TRUE(request.ParseFromString(*nested(45)));
  EXPECT_FALSE(nested(60));
}

// What the answers looked like before they were made here.
std::string printed_by_protobuf(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  return text;
}

std::string random_text(Random& random, bool utf8) {
  std::string text;
  for (std::uint64_t n = random.below(20); n > 0; --n)
    text += utf8 ? std::string_view("ab\"\\\n\x01/ \u00e4").substr(random.below(8), 1)
                 : std::string(1, static_cast<char>(random.below(256)));
  return text;
}

void fill(Message& message, Random& random, int depth);

void set_value(Message& message, const FieldDescriptor& field, Random& random, int depth) {
  const auto& reflection = *message.GetReflection();
  const bool list = field.is_repeated();
  const std::uint64_t number = random.next() >> random.below(64);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      reflection.SetBool(&message, &field, random.below(2) == 1);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      reflection.SetInt64(&message, &field, static_cast<std::int64_t>(number));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      reflection.SetUInt64(&message, &field, number);
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(number));
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int value = static_cast<int>(random.below(5));
      list ? reflection.AddEnumValue(&message, &field, value)
           : reflection.SetEnumValue(&message, &field, value);
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = random_text(random, field.type() == FieldDescriptor::TYPE_STRING);
      list ? reflection.AddString(&message, &field, std::move(text))
           : reflection.SetString(&message, &field, std::move(text));
      break;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (depth < 6)
        fill(list ? *reflection.AddMessage(&message, &field)
                  : *reflection.MutableMessage(&message, &field),
             random, depth + 1);
      break;
    default:
      FAIL() << field.full_name();
  }
}

void fill(Message& message, Random& random, int depth) {
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    for (std::uint64_t n = random.below(field.is_repeated() ? 4 : 2); n > 0; --n)
      set_value(message, field, random, depth);
  }
}

TEST(Translate, every_message_of_the_api_is_printed_as_protobuf_does_and_read_again) {
  const auto& file = *TxnRequest::descriptor()->file();
  Random random(20261128);
  for (int i = 0; i < file.message_type_count(); ++i) {
    const Descriptor& type = *file.message_type(i);
    const std::unique_ptr<Message> message(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
    for (int round = 0; round < 50; ++round) {
      message->Clear();
      fill(*message, random, 0);
      const auto text = from_message(type, message->SerializeAsString());
      ASSERT_TRUE(text) << type.full_name() << message->DebugString();
      EXPECT_EQ(*text, printed_by_protobuf(*message));
      const std::unique_ptr<Message> again(message->New());
      const auto bytes = to_message(type, *text);
      ASSERT_TRUE(bytes) << *text << bytes.error().text;
      ASSERT_TRUE(again->ParseFromString(*bytes));
      EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*again, *message)) << *text;
    }
  }
}

TEST(Translate, fields_in_any_order_are_printed_in_the_order_of_their_numbers) {
  RangeResponse first, second;
  first.set_count(2);
  first.add_kvs()->set_key("a");
  second.mutable_header()->set_revision(7);
  second.add_kvs()->set_key("b");
  const std::string bytes = first.SerializeAsString() + second.SerializeAsString();
  EXPECT_EQ(from_message(*RangeResponse::descriptor(), bytes).value(),
            R"({"header":{"revision":"7"},"kvs":[{"key":"YQ=="},{"key":"Yg=="}],"count":"2"})");
}

TEST(Translate, fields_that_are_not_known_are_passed_over_in_every_form) {
  const auto* range = RangeResponse::descriptor();
  for (std::string_view unknown : {std::string_view("\x08\x03"),   // the header, as a number
                                   std::string_view("\x22\x01x"),  // the count, as text
                                   std::string_view("\x78\x05"), std::string_view("\x7a\x02xy"),
                                   std::string_view("\x79"
                                                    "12345678"),
                                   std::string_view("\x7d"
                                                    "1234"),
                                   std::string_view("\x7b\x08\x01\x7c")}) {  // a group
    EXPECT_EQ(from_message(*range, std::string(unknown) + "\x18\x01").value(), R"({"more":true})");
    EXPECT_EQ(from_message(*range, "\x18\x01" + std::string(unknown)).value(), R"({"more":true})");
  }
  for (auto wrong : {"\x7b", "\x7c",
                     "\x7d"
                     "123",
                     "\x7a\x05x", "\x07", "\x02"})
    EXPECT_FALSE(from_message(*range, wrong)) << wrong;
}

TEST(Translate, messages_with_maps_and_fractions_are_printed_too) {
  polis::v1::StatusResponse status;
  status.set_id(7);
  status.set_clock_drift_max(0.5);
  (*status.mutable_deciding()->mutable_places())[3] = "room";
  EXPECT_EQ(
      from_message(*polis::v1::StatusResponse::descriptor(), status.SerializeAsString()).value(),
      R"({"id":"7","clock_drift_max":0.5,"deciding":{"places":{"3":"room"}}})");
}

TEST(Translate, text_of_answers_is_escaped_as_etcd_escapes_it) {
  EXPECT_EQ(quoted("a\"\\\n\x01</>\x7f\xe2\x80\xa8ä"),
            "\"a\\\"\\\\\\n\\u0001</>\x7f\xe2\x80\xa8ä\"");
  EXPECT_EQ(quoted("a\xffz\xc3"), "\"a\xef\xbf\xbdz\xef\xbf\xbd\"");
  etcdserverpb::WatchResponse response;
  response.set_cancel_reason("\xff");
  EXPECT_FALSE(
      from_message(*etcdserverpb::WatchResponse::descriptor(), response.SerializeAsString()));
}

}  // namespace
}  // namespace polis::json
