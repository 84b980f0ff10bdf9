#include "replica/questions.hh"

#include "replica/wire.hh"

namespace polis::replica {

Questions::Questions(const Options& options, std::uint64_t first_number, Needs needs)
    : options_(options), needs_(std::move(needs)), next_number_(first_number) {}

void Questions::ask(Question question, std::string body, Answered done) {
  const Situation& situation = needs_.situation;
  if (situation.ended) return done(store::status::stopped(), {});
  const std::uint64_t number = next_number_++;
  Pending& pending = pending_[number];
  pending = {
      question, std::move(body), std::move(done), needs_.loop.now() + options_.request_timeout, {},
      {}};
  if (!situation.is_master()) return send(number, pending);
  pending.sent_to = situation.mastership();
  answer_own(number);
}

void Questions::send(std::uint64_t number, Pending& pending) {
  const Situation& situation = needs_.situation;
  if (!situation.knows_master()) return;
  pending.sent = needs_.loop.now();
  const Mastership before = std::exchange(pending.sent_to, situation.mastership());
  if (situation.is_master()) {
    // It became master while the question was open. Nothing is lost between a replica and itself.
    if (before == situation.mastership()) return;
    needs_.loop.post([this, number, alive = std::weak_ptr(alive_)] {
      if (!alive.expired() && needs_.situation.is_master()) answer_own(number);
    });
    return;
  }
  std::string message;
  Writer out(message);
  out.u8(static_cast<std::uint8_t>(WireKind::kQuestion));
  out.varint(number);
  out.u8(static_cast<std::uint8_t>(pending.question));
  message += pending.body;
  needs_.transport.send(situation.role.master, std::move(message));
}

void Questions::answer_own(std::uint64_t number) {
  auto found = pending_.find(number);
  if (found == pending_.end()) return;
  needs_.answer(found->second.question, std::string(found->second.body), needs_.loop.now(),
                [this, number](Status status, std::string reply) {
                  on_answered(number, std::move(status), std::move(reply));
                });
}

void Questions::on_question(ReplicaId from, Reader& in) {
  std::uint64_t number = in.varint();
  auto question = static_cast<Question>(in.u8());
  std::string_view body = in.take(in.remaining());
  if (!in.ok() || !needs_.situation.is_master()) return;
  needs_.answer(question, body, needs_.loop.now(),
                [this, from, number](const Status& status, const std::string& reply) {
                  if (status.code == store::Code::kUnavailable) return;  // as on_answered has it
                  std::string message;
                  Writer out(message);
                  out.u8(static_cast<std::uint8_t>(WireKind::kAnswer));
                  out.varint(number);
                  out.varint(static_cast<std::uint64_t>(status.code));
                  out.string(status.text);
                  out.string(reply);
                  needs_.transport.send(from, std::move(message));
                });
}

void Questions::on_answer(Reader& in) {
  std::uint64_t number = in.varint();
  auto code = static_cast<store::Code>(in.varint());
  std::string text(in.string());
  std::string body(in.string());
  if (in.done()) on_answered(number, {code, std::move(text)}, std::move(body));
}

void Questions::on_answered(std::uint64_t number, Status status, std::string body) {
  // Not master any more: the question goes to the next one.
  if (status.code == store::Code::kUnavailable) return;
  auto found = pending_.find(number);
  if (found == pending_.end()) return;
  Answered done = std::move(found->second.done);
  pending_.erase(found);
  done(std::move(status), std::move(body));
}

void Questions::resend() {
  if (!needs_.situation.knows_master()) return;
  for (auto& [number, pending] : pending_) {
    if (pending.sent_to != needs_.situation.mastership()) send(number, pending);
  }
}

void Questions::expire() {
  const Instant now = needs_.loop.now();
  std::vector<Answered> unanswered;
  for (auto i = pending_.begin(); i != pending_.end();) {
    Pending& pending = i->second;
    if (now >= pending.deadline) {
      unanswered.push_back(std::move(pending.done));
      i = pending_.erase(i);
      continue;
    }
    if (now - pending.sent >= options_.resend_interval) send(i->first, pending);
    ++i;
  }
  for (Answered& done : unanswered) done(store::status::timed_out(), {});
}

}  // namespace polis::replica
