#include "http/exchange.hh"

namespace polis::http {
namespace {

constexpr std::size_t kSourceReadBytes = 64 << 10;

}  // namespace

void Exchange::write(std::string_view bytes) {
  if (!open()) return;
  body_.append(bytes);
  wake();
}

void Exchange::write_whole(std::string&& bytes) {
  if (!open()) return;
  body_.append_whole(std::move(bytes));
  wake();
}

void Exchange::write_from(std::unique_ptr<ByteSource> source) {
  if (!open()) return;
  source_ = std::move(source);
  wake();
}

void Exchange::take_body(std::string& out, std::size_t bytes_max) {
  if (body_.empty() && source_) {
    made_.clear();
    if (!source_->read(made_, std::max(bytes_max, kSourceReadBytes))) source_.reset();
    body_.append(made_);
  }
  body_.take(out, bytes_max);
}

void Exchange::close_handler() {
  source_.reset();
  if (auto handler = std::exchange(handler_, nullptr)) handler->on_exchange_close();
}

}  // namespace polis::http
