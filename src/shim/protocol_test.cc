#include "shim/protocol.hh"

#include <gtest/gtest.h>

#include "shim/fields.hh"

namespace polis::shim {
namespace {

State full_state() {
  State state;
  state.phase = Phase::kKilling;
  state.cause = Cause::kDeadline;
  state.pid = 4711;
  state.exit = Exit::kKilled;
  state.exit_number = 9;
  state.started_at = UINT64_MAX;
  state.output_dropped = 1ULL << 40;
  state.failed_what.assign("/bin/nothing");
  state.status.assign("accepting connections");
  state.oom_lowered = 1;
  return state;
}

TEST(Protocol, a_state_comes_out_as_it_went_in) {
  char buffer[kFrameBytesMax];
  const State state = full_state();
  const std::string_view bytes = encode(state, buffer, sizeof buffer);
  Frame frame;
  ASSERT_EQ(first_frame(bytes, frame), Framing::kFrame);
  EXPECT_EQ(frame.type, FrameType::kState);
  EXPECT_EQ(frame.size, bytes.size());
  State read;
  ASSERT_TRUE(decode(frame.body, read));
  EXPECT_EQ(read.phase, Phase::kKilling);
  EXPECT_EQ(read.cause, Cause::kDeadline);
  EXPECT_EQ(read.pid, 4711u);
  EXPECT_EQ(read.exit, Exit::kKilled);
  EXPECT_EQ(read.started_at, UINT64_MAX);
  EXPECT_EQ(read.output_dropped, 1ULL << 40);
  EXPECT_EQ(read.failed_what.view(), "/bin/nothing");
  EXPECT_EQ(read.status.view(), "accepting connections");
  EXPECT_EQ(read.oom_lowered, 1u);
}

TEST(Protocol, the_largest_state_fits_into_a_frame) {
  // Every number at its longest, every text full.
  char body[kFrameBytesMax];
  FieldWriter out(body, sizeof body - kFrameHeader);
  const std::string text(kTextBytesMax, 'x');
  for (std::uint32_t field = 1; field <= 41; ++field) out.number(field, UINT64_MAX);
  for (int i = 0; i < 3; ++i) out.text(16, text);
  EXPECT_TRUE(out.ok());
}

TEST(Protocol, what_a_newer_release_adds_is_skipped) {
  char body[256];
  FieldWriter out(body, sizeof body);
  out.number(999, 5);
  out.text(1000, "new");
  out.number(2, 9);
  Request request;
  ASSERT_TRUE(decode(out.bytes(), request));
  EXPECT_EQ(request.ask, static_cast<Ask>(9));
}

TEST(Protocol, a_frame_that_is_cut_anywhere_is_incomplete) {
  char buffer[kFrameBytesMax];
  const std::string_view bytes = encode(full_state(), buffer, sizeof buffer);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Frame frame;
    EXPECT_EQ(first_frame(bytes.substr(0, size), frame), Framing::kMore) << size;
  }
}

TEST(Protocol, a_length_of_none_or_too_much_is_refused) {
  Frame frame;
  EXPECT_EQ(first_frame(std::string_view("\0\0\0\0\x06", 5), frame), Framing::kWrong);
  EXPECT_EQ(first_frame(std::string_view("\0\x10\0\0\x06", 5), frame), Framing::kWrong);
  EXPECT_EQ(first_frame(std::string_view("\xff\xff\xff\xff\x06", 5), frame), Framing::kWrong);
}

TEST(Protocol, bytes_that_are_wrong_are_never_read_past_their_end) {
  // Every short sequence of bytes that matter.
  const char some[] = {'\0', '\x01', '\x02', '\x0a', '\x7f', '\x80', '\xff'};
  std::string bytes(5, 0);
  for (int i = 0; i < 7 * 7 * 7 * 7 * 7; ++i) {
    for (int rest = i, at = 0; at < 5; ++at, rest /= 7) bytes[at] = some[rest % 7];
    State state;
    const std::string exact(bytes);  // of its own memory, so that a sanitizer sees its end
    decode(std::string_view(exact), state);
  }
}

TEST(Protocol, what_does_not_fit_is_not_written) {
  char small[16];
  EXPECT_TRUE(encode(full_state(), small, sizeof small).empty());
  FieldWriter out(small, sizeof small);
  out.text(1, "twelve bytes");
  EXPECT_TRUE(out.ok());
  out.text(2, "more");
  EXPECT_FALSE(out.ok());
  out.number(3, 1);
  EXPECT_FALSE(out.ok());
}

TEST(Protocol, both_speak_the_newest_version_that_both_know) {
  EXPECT_EQ(common_version({.newest = kProtocolNewest, .oldest = kProtocolOldest}),
            kProtocolNewest);
  EXPECT_EQ(common_version({.newest = kProtocolNewest + 5, .oldest = 1}), kProtocolNewest);
  EXPECT_EQ(common_version({.newest = kProtocolNewest + 5, .oldest = kProtocolNewest + 1}), 0u);
  EXPECT_EQ(common_version({.newest = kProtocolOldest - 1, .oldest = 0}), 0u);
}

TEST(Protocol, a_text_that_is_too_long_is_cut) {
  Text text;
  text.assign(std::string(1000, 'x'));
  EXPECT_EQ(text.view(), std::string(kTextBytesMax, 'x'));
}

TEST(Fields, only_a_string_whose_single_zero_is_its_last_byte_goes_to_the_system) {
  EXPECT_TRUE(is_c_string(std::string_view("word\0", 5)));
  EXPECT_TRUE(is_c_string(std::string_view("\0", 1)));
  EXPECT_FALSE(is_c_string(std::string_view("word", 4)));
  EXPECT_FALSE(is_c_string(std::string_view("wo\0rd\0", 6)));
  EXPECT_FALSE(is_c_string({}));
}

}  // namespace
}  // namespace polis::shim
