#include "http/byte_queue.hh"

namespace polis::http {
namespace {

constexpr std::size_t kPartBytes = 64 << 10;

}  // namespace

void ByteQueue::append(std::string_view bytes) {
  size_ += bytes.size();
  std::string* last = rest_ && !rest_->empty() ? &rest_->back() : &front_;
  if (last->empty() || last->size() + bytes.size() <= kPartBytes) {
    *last += bytes;
    return;
  }
  if (!rest_) rest_ = std::make_unique<std::deque<std::string>>();
  rest_->emplace_back(bytes);
}

void ByteQueue::append_whole(std::string&& bytes) {
  if (bytes.size() <= kPartBytes) return append(std::string_view(bytes));
  size_ += bytes.size();
  if (size_ == bytes.size()) {
    front_ = std::move(bytes);
    at_ = 0;
    return;
  }
  if (!rest_) rest_ = std::make_unique<std::deque<std::string>>();
  rest_->push_back(std::move(bytes));
}

std::size_t ByteQueue::take(std::string& out, std::size_t bytes_max) {
  std::size_t taken = 0;
  while (taken < bytes_max && size_ > 0) {
    const std::size_t n = std::min(bytes_max - taken, front_.size() - at_);
    out.append(front_, at_, n);
    at_ += n;
    size_ -= n;
    taken += n;
    if (at_ < front_.size()) break;
    at_ = 0;
    if (rest_ && !rest_->empty()) {
      front_ = std::move(rest_->front());
      rest_->pop_front();
    } else if (front_.capacity() > kPartBytes) {
      std::string().swap(front_);
    } else {
      front_.clear();
    }
  }
  return taken;
}

}  // namespace polis::http
