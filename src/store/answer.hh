#pragma once

// An answer in wire form of which the large parts are read from the store while it is sent.
//
// It is collected once, in the order of its bytes: text, messages that begin and end, and ranges.
// Then it is planned, in slices, and read, in pieces. However large, it costs the memory of its
// text. It sees the store as it was when each range was added.
//
// Threads: the loop's. Life: add ... -> plan() until it is done -> read() until it is done. As
// RangeCursor otherwise.

#include <memory>
#include <string>
#include <vector>

#include "store/range.hh"

namespace polis::store {

// An answer up to this size is made at once, where it can be.
inline constexpr std::uint64_t kSmallAnswerBytes = 64 << 10;

class Answer {
 public:
  // Everything until the matching close() is a message in field `field` (below 16).
  void open(int field);
  void close();
  void add_varint(int field, std::uint64_t value) { append_tag_varint(text_, field, value); }
  void add_bytes(int field, std::string_view bytes) { append_tag_bytes(text_, field, bytes); }
  void add_range(std::unique_ptr<RangeCursor> cursor);

  // Goes on with the plan and takes what it did from `work`. True: it is done; see status().
  bool plan(std::uint64_t& work);
  // Not OK: a part of it does not fit in a bound, and nothing can be read.
  const Status& status() const { return status_; }
  std::uint64_t body_bytes() const { return body_bytes_; }  // precondition: planned
  // As RangeCursor::read.
  bool read(std::string& out, std::size_t bytes);

 private:
  struct Mark {
    enum class Kind : std::uint8_t { kOpen, kClose, kRange } kind;
    std::size_t at;  // the place in text_
    int field = 0;
    std::uint64_t length = 0;  // of the message that begins here, once planned
    std::unique_ptr<RangeCursor> cursor;
  };
  void measure();

  std::string text_;
  std::vector<Mark> marks_;
  std::size_t planned_marks_ = 0;
  bool measured_ = false;
  Status status_;
  std::uint64_t body_bytes_ = 0;
  std::size_t text_read_ = 0, marks_read_ = 0;
};

// A reply whose body is the answer: in memory if it is small and can be planned with little work.
Reply reply_of(std::unique_ptr<Answer> answer);

}  // namespace polis::store
