#pragma once

// An answer in wire form. Its large parts, the ranges, are read from the store while the answer is
// sent.
//
// First the answer is collected in the order of its bytes: text, the beginnings and ends of
// messages, and ranges. Then it is planned in slices, which finds all lengths. Then it is read in
// pieces. However large it is, it holds only its text in memory. Each range shows the store as it
// was when the range's cursor was made.
//
// Threads: the loop's.
// Life: open, close, add_* ... -> plan() until it gives true -> read() until it gives false. Must
// not outlive the store. After Store::exchange it must be destroyed.

#include <memory>
#include <string>
#include <vector>

#include "store/range.hh"

namespace polis::store {

// An answer of up to this many bytes is made in memory at once, if little work is needed.
inline constexpr std::uint64_t kSmallAnswerBytes = 64 << 10;

class Answer {
 public:
  // Begins a message in the field `field`, 1 to 15. What is added until the matching close() is its
  // content.
  void open(int field);
  void close();
  void add_varint(int field, std::uint64_t value) { append_tag_varint(text_, field, value); }
  void add_bytes(int field, std::string_view bytes) { append_tag_bytes(text_, field, bytes); }
  void add_range(std::unique_ptr<RangeCursor> cursor);

  // Goes on with the plan until `work` (units of store.hh) is used up, and subtracts the work that
  // it did. True: the plan is complete; look at status().
  bool plan(std::uint64_t& work);
  // Not OK: a part of the answer exceeds a bound, and nothing can be read.
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

// A reply with this answer: in Reply::body if the answer is small and can be planned with little
// work, else in Reply::answer.
Reply reply_of(std::unique_ptr<Answer> answer);

}  // namespace polis::store
