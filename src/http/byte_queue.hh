#pragma once

// Bytes that wait to be sent, taken from the front without moving what is behind them.

#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace polis::http {

class ByteQueue {
 public:
  void append(std::string_view bytes);
  // Takes a large string over as it is.
  void append_whole(std::string&& bytes);
  // Moves up to `bytes_max` bytes from the front to the end of `out`; says how many.
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
