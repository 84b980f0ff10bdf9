#pragma once

// A queue of bytes that wait to be sent. Taking bytes from the front does not move the bytes behind
// them.
//
// Threads: none of its own. It has no bound; its user looks at size().

#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace polis::http {

class ByteQueue {
 public:
  void append(std::string_view bytes);
  // As append, and takes a large string over without a copy.
  void append_whole(std::string&& bytes);
  // Moves up to `bytes_max` bytes from the front to the end of `out`. The result: how many.
  std::size_t take(std::string& out, std::size_t bytes_max);
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  // A queue is mostly one short answer: the first part needs no allocation of its own.
  std::string front_;
  std::size_t at_ = 0;  // taken from it
  std::unique_ptr<std::deque<std::string>> rest_;
  std::size_t size_ = 0;
};

}  // namespace polis::http
