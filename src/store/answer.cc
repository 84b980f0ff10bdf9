#include "store/answer.hh"

#include "base/check.hh"

namespace polis::store {
namespace {

// Ranges up to this size are copied into the text at once, while there is room for small ones.
constexpr std::uint64_t kInlineRangeBytes = 16 << 10;
// What planning may cost at the place where the answer is made.
constexpr std::uint64_t kPlanAtOnceWork = 1000 * kKeyWork;

}  // namespace

void AnswerDeleter::operator()(Answer* answer) const { delete answer; }

void Answer::open(int field) { marks_.push_back({Mark::Kind::kOpen, text_.size(), field, 0, {}}); }

void Answer::close() { marks_.push_back({Mark::Kind::kClose, text_.size(), 0, 0, {}}); }

void Answer::add_range(std::unique_ptr<RangeCursor> cursor) {
  if (cursor->planned() && cursor->status().ok() && cursor->body_bytes() <= kInlineRangeBytes &&
      text_.size() + cursor->body_bytes() <= kSmallAnswerBytes) {
    while (cursor->read(text_, SIZE_MAX)) {
    }
    return;
  }
  marks_.push_back({Mark::Kind::kRange, text_.size(), 0, 0, std::move(cursor)});
}

bool Answer::plan(std::uint64_t& work) {
  for (; planned_marks_ < marks_.size(); ++planned_marks_) {
    Mark& mark = marks_[planned_marks_];
    if (!mark.cursor) continue;
    if (!mark.cursor->plan(work)) return false;
    if (status_ = mark.cursor->status(); !status_.ok()) return true;
  }
  if (!measured_) measure();
  return true;
}

// Each message's length comes before its content, so all lengths are found first.
void Answer::measure() {
  measured_ = true;
  std::vector<std::size_t> opened;
  std::vector<std::uint64_t> sizes(1);
  std::size_t text_at = 0;
  for (std::size_t i = 0; i < marks_.size(); ++i) {
    Mark& mark = marks_[i];
    sizes.back() += mark.at - std::exchange(text_at, mark.at);
    switch (mark.kind) {
      case Mark::Kind::kOpen:
        opened.push_back(i);
        sizes.push_back(0);
        break;
      case Mark::Kind::kClose: {
        const std::uint64_t length = sizes.back();
        sizes.pop_back();
        marks_[opened.back()].length = length;
        opened.pop_back();
        sizes.back() += field_bytes(length);
        break;
      }
      case Mark::Kind::kRange:
        sizes.back() += mark.cursor->body_bytes();
        break;
    }
  }
  CHECK(opened.empty());
  body_bytes_ = sizes.back() + text_.size() - text_at;
}

bool Answer::read(std::string& out, std::size_t bytes) {
  CHECK(measured_ && status_.ok());
  const std::size_t start = out.size();
  while (out.size() - start < bytes) {
    if (marks_read_ == marks_.size()) {
      out.append(text_, text_read_);
      text_read_ = text_.size();
      break;
    }
    Mark& mark = marks_[marks_read_];
    out.append(text_, text_read_, mark.at - text_read_);
    text_read_ = mark.at;
    if (mark.kind == Mark::Kind::kRange) {
      if (mark.cursor->read(out, bytes - (out.size() - start))) continue;
      mark.cursor.reset();
    } else if (mark.kind == Mark::Kind::kOpen) {
      Writer writer(out);
      writer.varint(static_cast<std::uint64_t>(mark.field) << 3 | 2);
      writer.varint(mark.length);
    }
    ++marks_read_;
  }
  return out.size() > start;
}

Reply reply_of(std::unique_ptr<Answer> answer) {
  Reply reply;
  std::uint64_t work = kPlanAtOnceWork;
  if (answer->plan(work) && answer->status().ok() && answer->body_bytes() <= kSmallAnswerBytes) {
    while (answer->read(reply.body, SIZE_MAX)) {
    }
  } else {
    reply.answer.reset(answer.release());
  }
  return reply;
}

}  // namespace polis::store
