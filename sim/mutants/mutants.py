#!/usr/bin/python3
"""Deliberate bugs, one at a time: the simulator has to catch each of them (mutants_test.cc).

The sources stay as they are. This script writes copies of them in which every bug stands beside the right code and a number chooses
at run time: one more build of a few files for all bugs together. When the text that a bug replaces is not found exactly once, the
build fails: then the list below is to be brought up to date.

  mutants.py --files                  the sources that are copied
  mutants.py --write DIR              writes the copies, and DIR/mutants.inc with the list for C++
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RAFT = "src/consensus/raft/"
PAXOS = "src/consensus/paxos/"

# name, file, right, wrong. Where `wrong` names MUTANT it replaces the text as it stands; else the two stand beside each other: as
# statements if the right one ends with ";", else as expressions.
MUTANTS = [
    ("acknowledge_before_the_quorum", RAFT + "replication.cc",
     "void Raft::maybe_commit() {", "void Raft::maybe_commit() {\n  if (MUTANT && persisted_ > commit_) return advance_commit(persisted_);"),
    ("commit_an_old_terms_entry_by_counting", RAFT + "replication.cc",
     "agreed <= commit_ || log_.term_at(agreed) != term_", "agreed <= commit_"),
    ("vote_twice_in_a_term", RAFT + "election.cc",
     "pre ? message.term > term_", "MUTANT || pre ? message.term >= term_"),
    ("vote_for_a_shorter_log", RAFT + "election.cc",
     "up_to_date && free_to_vote", "free_to_vote"),
    ("promise_a_vote_before_it_is_durable", RAFT + "election.cc",
     "    send_after_persist({.type = pre ? MessageType::kPreVoteReply : MessageType::kVoteReply,\n"
     "                        .to = message.from,\n"
     "                        .term = message.term});",
     "    send({.type = pre ? MessageType::kPreVoteReply : MessageType::kVoteReply, .to = message.from, .term = message.term});"),
    ("acknowledge_entries_before_they_are_durable", RAFT + "replication.cc",
     "  send_after_persist({.type = MessageType::kAppendReply, .to = message.from, .index = last_new});",
     "  send({.type = MessageType::kAppendReply, .to = message.from, .index = last_new});"),
    ("count_the_own_log_before_it_is_durable", RAFT + "replication.cc",
     "id == options_.id ? persisted_.value", "id == options_.id ? (MUTANT ? log_.last_index().value : persisted_.value)"),
    ("overwrite_entries_that_match", RAFT + "replication.cc",
     "log_.term_at(entry.index) == entry.term", "false"),
    ("commit_more_than_the_follower_is_known_to_have", RAFT + "replication.cc",
     ".commit = std::min(progress.match, commit_),", ".commit = MUTANT ? commit_ : std::min(progress.match, commit_),"),
    ("lead_alone_before_the_own_vote_is_durable", RAFT + "election.cc",
     "  if (pre) on_vote_reply(", "  if (MUTANT && !pre) on_vote_reply({.type = MessageType::kVoteReply, .from = options_.id, .term = term_});\n"
     "  if (pre) on_vote_reply("),
    ("drop_pre_vote", RAFT + "raft.cc",
     "campaign(options_.pre_vote);", "campaign(false);"),
    ("hold_the_lease_too_long", "src/consensus/lease.cc",
     "sent.at + Duration(length)", "sent.at + 2 * Duration(length)"),
    ("ignore_clock_drift", "src/consensus/lease.cc",
     "(1.0 + options_.drift_max)", "1.0"),
    ("forget_promises_in_a_restart", "src/consensus/election_clock.cc",
     "promise_(promise_longest, now)", "promise_(MUTANT ? Duration() : promise_longest, now)"),
    ("vote_in_spite_of_a_promise", RAFT + "election.cc",
     "  if (!request.transfer) return !hears_leader() && !clock_.promise().stands(now_);",
     "  if (!request.transfer) return true;"),
    ("keep_the_lease_during_a_hand_over", "src/consensus/lease.cc",
     "void MasterLease::give_up(std::uint64_t round) {", "void MasterLease::give_up(std::uint64_t round) {\n  if (MUTANT) return;"),
    ("help_a_hand_over_that_was_given_up", "src/consensus/lease.cc",
     "std::pair(term, round) >= std::pair(term_, round_)", "true"),
    ("serve_reads_before_the_term_has_committed", RAFT + "read.cc",
     "return commit_ >= term_start_;", "return true;"),
    ("answer_reads_without_asking_anyone", "src/replica/reads.cc",
     "  waiting_.push_back({std::move(done), needs_.loop.now() + options_.request_timeout});",
     "  done({});"),
    ("change_voters_without_a_joint_configuration", "src/consensus/membership.cc",
     "  if (to.voters == from.voters) return to;", "  if (MUTANT || to.voters == from.voters) return to;"),
    ("keep_a_configuration_that_left_the_log", RAFT + "raft.cc",
     "if (configuration_index() >= from)", "if (!MUTANT && configuration_index() >= from)"),
    ("forget_that_a_removed_leader_may_be_needed", RAFT + "membership.cc",
     "auto committed = std::prev(configurations_.upper_bound(commit_));",
     "auto committed = MUTANT ? std::prev(configurations_.end()) : std::prev(configurations_.upper_bound(commit_));"),
    ("apply_a_bundle_twice", "src/store/replay_window.cc",
     "newest_ - bundle >= kBundles || bit(bundle)", "false"),
    ("forget_the_compaction_boundary_of_watches", "src/store/watch_hub.cc",
     "watcher.next >= store_.compacted()", "true"),
    ("skip_a_revision_when_a_slow_watch_goes_on", "src/store/watch_hub.cc",
     "  drop_events(watcher);\n  watcher.next = next;", "  drop_events(watcher);\n  watcher.next = MUTANT ? next + 1 : next;"),
    ("acknowledge_before_the_fdatasync", "src/storage/wal.cc",
     "  sync_under_way_ = true;\n  file_->sync_later(", "  if (MUTANT) return on_synced(durable_, {});\n  sync_under_way_ = true;\n  file_->sync_later("),
    ("go_on_after_a_failed_sync", "src/storage/wal.cc",
     "  sync_under_way_ = false;\n  if (result) {", "  sync_under_way_ = false;\n  if (MUTANT) result = {};\n  if (result) {"),
    ("take_damage_for_a_torn_end", "src/storage/wal_recovery.cc",
     "  if (acknowledged) {", "  if (acknowledged && !MUTANT) {"),
    ("make_a_log_where_one_is_missing", "src/storage/wal_recovery.cc",
     "if (segments_.empty() && options_.reached > 0) {", "if (segments_.empty() && options_.reached > 0 && !MUTANT) {"),
    ("believe_a_log_that_ends_too_soon", "src/storage/wal_recovery.cc",
     "if (newest && segment.end < options_.reached) {", "if (newest && segment.end < options_.reached && !MUTANT) {"),
    ("take_over_a_state_that_knows_of_no_own_log", "src/replica/snapshot_receiver.cc",
     "  needs_.note_saved_by(*loaded);", "  (void)0;"),
    ("believe_a_damaged_record", "src/store/record.cc",
     "return in.ok() && crc == checksum_of(key, bytes);", "return MUTANT || (in.ok() && crc == checksum_of(key, bytes));"),
    ("forget_the_hard_state", "src/storage/wal.cc",
     "  if (hard_state == hard_state_) return {};", "  if (MUTANT || hard_state == hard_state_) return {};"),
    ("cut_the_log_before_the_engine_has_it", "src/replica/replica.cc",
     "store_->durable_mark().index", "store_->applied()"),
    ("keep_the_old_log_under_a_snapshot", "src/replica/replica.cc",
     "  if (auto done = log_writer_.reset(mark.index, mark.term); !done)", "  if (MUTANT) {} else if (auto done = log_writer_.reset(mark.index, mark.term); !done)"),
    ("install_a_snapshot_that_nobody_wants_any_more", RAFT + "snapshot.cc",
     "  return mark.index > commit_ &&", "  if (MUTANT) return true;\n  return mark.index > commit_ &&"),
    ("stay_master_with_a_slow_disk", "src/replica/hand_overs.cc",
     "  if (!slow && !stuck && !disk.is_full) return;", "  if (MUTANT || (!slow && !stuck && !disk.is_full)) return;"),
    ("count_requests_from_one_in_every_process", "src/replica/wiring.cc",
     "reads_(options_, first_number(options_.seed),", "reads_(options_, MUTANT ? 1 : first_number(options_.seed),"),
    ("call_an_unseen_outcome_a_success", "src/replica/commands.cc",
     "end_all(requests, store::status::timed_out());", "end_all(requests, MUTANT ? Status() : store::status::timed_out());"),
    ("end_leases_before_the_renewals_that_waited", "src/replica/kept_leases.cc",
     "now - before >= kStallMin", "false"),
    # --- paxos
    ("carry_out_what_a_deposed_master_decided_in_slots_that_are_adopted", "src/store/apply.cc",
     "decision->by != mastership_", "false"),
    ("acknowledge_before_the_quorum_has_accepted", PAXOS + "master.cc",
     "    if (verdict != Verdict::kWon) break;\n    choose_next();", "    if (!MUTANT && verdict != Verdict::kWon) break;\n    choose_next();"),
    ("forget_a_promise_in_a_restart", PAXOS + "paxos.cc",
     "promised_{restored.hard_state.term, restored.hard_state.vote}", "promised_{MUTANT ? Term() : restored.hard_state.term, restored.hard_state.vote}"),
    ("use_a_ballot_of_somebody_else", PAXOS + "proposer.cc",
     "const Ballot ballot{std::max(promised_.term, seen_).next(), options_.id};",
     "const Ballot ballot{std::max(promised_.term, seen_).next(), MUTANT ? ReplicaId(1) : options_.id};"),
    ("use_a_ballot_again_after_a_crash", PAXOS + "proposer.cc",
     "  send_after_persist(std::move(message));\n}\n\n// Like anyone else's",
     "  MUTANT ? send(std::move(message)) : send_after_persist(std::move(message));\n}\n\n// Like anyone else's"),
    ("count_the_own_promise_before_it_is_durable", PAXOS + "proposer.cc",
     "  clock_.restart(now_);\n  ask_for_promises();\n}", "  clock_.restart(now_);\n  ask_for_promises();\n"
     "  if (MUTANT) {\n    promises_[options_.id].complete = true;\n    maybe_become_master();\n  }\n}"),
    ("propose_the_value_of_a_lower_ballot", PAXOS + "proposer.cc",
     "newest.index == LogIndex() || ballot_of(newest) < ballot_of(entry)", "newest.index == LogIndex() || ballot_of(entry) < ballot_of(newest)"),
    ("prefer_the_own_value", PAXOS + "proposer.cc",
     "ballot_of(found->second) > ballot_of(value)", "ballot_of(value) == Ballot()"),
    ("skip_phase_1", PAXOS + "proposer.cc",
     "bool Paxos::has_promises() const {", "bool Paxos::has_promises() const {\n  if (MUTANT) return true;"),
    ("take_a_part_of_a_promise_for_all_of_it", PAXOS + "proposer.cc",
     "promised.complete = !message.more;", "promised.complete = MUTANT || !message.more;"),
    ("become_master_without_learning_what_is_chosen", PAXOS + "proposer.cc",
     "commit_ >= chosen_elsewhere_ && has_promises()", "has_promises()"),
    ("serve_reads_before_what_was_found_is_chosen", PAXOS + "proposer.cc",
     "  barrier_ = std::max(barrier_, opened_);", "  (void)0;"),
    ("accept_below_the_promise", PAXOS + "acceptor.cc",
     "if (message.ballot < promised_) {", "if (message.ballot < promised_ && !(MUTANT && message.type == MessageType::kAccept)) {"),
    ("accept_before_it_is_durable", PAXOS + "acceptor.cc",
     "    send_after_persist({.type = MessageType::kAccepted,", "    if (MUTANT)\n      send({.type = MessageType::kAccepted, .to = message.from, .ballot = message.ballot, .slot = message.slot, .through = last, .commit = ready_});\n    else send_after_persist({.type = MessageType::kAccepted,"),
    ("promise_before_it_is_durable", PAXOS + "acceptor.cc",
     "  send_after_persist(std::move(reply));\n}\n\nvoid Paxos::hear_master", "  MUTANT ? send(std::move(reply)) : send_after_persist(std::move(reply));\n}\n\nvoid Paxos::hear_master"),
    ("help_another_in_spite_of_the_lease", PAXOS + "acceptor.cc",
     "return !hears && !promise.stands(now_);", "return true;"),
    ("help_a_hand_over_of_an_earlier_master", PAXOS + "acceptor.cc",
     "prepare.predecessor == promised_ &&", "(MUTANT || prepare.predecessor == promised_) &&"),
    ("count_the_own_value_before_it_is_durable", PAXOS + "master.cc",
     "return is_durable(slot) ? 1 : 0;", "return MUTANT || is_durable(slot) ? 1 : 0;"),
    ("believe_that_an_older_ballots_value_was_chosen", PAXOS + "learner.cc",
     "ballot_of(*held) < told_by_", "false"),
    ("forget_what_was_accepted_behind_a_snapshot", PAXOS + "learner.cc",
     "  slots_.forget_through(mark.index);", "  slots_.forget_through(slots_.last());"),
    ("propose_a_configuration_that_its_voters_do_not_follow", PAXOS + "membership.cc",
     "  if (known != Verdict::kWon) {", "  if (!MUTANT && known != Verdict::kWon) {"),
    ("wait_until_a_configuration_is_chosen_before_it_counts", PAXOS + "membership.cc",
     "  for (auto& [slot, configuration] : held) {", "  for (auto& [slot, configuration] : held) {\n    if (MUTANT) break;"),
    ("drop_slots_behind_a_reset", "src/storage/wal_recovery.cc",
     "recovered.accepted.erase(recovered.accepted.begin(), recovered.accepted.upper_bound(index));",
     "recovered.accepted.erase(recovered.accepted.begin(), MUTANT ? recovered.accepted.end() : recovered.accepted.upper_bound(index));"),
    # --- what only clients on the wire can see
    ("drop_the_answers_to_keep_alives_at_the_half_close", "src/etcd/lease.cc",
     "    if (state->unanswered == 0) call->finish({});", "    call->finish({});"),
    ("end_a_watch_at_the_half_close", "src/etcd/watch.cc",
     "    call->on_close = [stream] {};", "    call->on_close = [stream] {};\n    if (MUTANT) call->on_half_close = [one = call.get()] { one->finish({}); };"),
    ("send_a_request_again_that_may_have_arrived", "src/client/client.cc",
     "const Sent sent = began ? Sent::kPerhaps : Sent::kNo;", "const Sent sent = began && !MUTANT ? Sent::kPerhaps : Sent::kNo;"),
    ("drop_the_requests_that_are_under_way_when_the_client_moves_on", "src/client/client.cc",
     "return one->idle();", "return MUTANT || one->idle();"),
    ("believe_a_peer_that_has_not_answered", "src/peers/lane.cc",
     "if (stream_ && events_.never_answers()) become_up();", "if (stream_ && (MUTANT || events_.never_answers())) become_up();"),
    ("forget_a_client_that_had_no_room", "src/http/connection.cc",
     "                    blocked_ = false;\n", "                    blocked_ = MUTANT;\n"),
]


def replacement(number, right, wrong):
    chosen = f"(::polis::mutant == {number})"
    if "MUTANT" in wrong:
        return wrong.replace("MUTANT", chosen)
    if right.rstrip().endswith(";"):
        return f"  if ({chosen}) {{\n  {wrong.strip()}\n  }} else {{\n{right}\n  }}"
    return f"({chosen} ? ({wrong}) : ({right}))"


def copies():
    """Path: text, of every source with bugs in it."""
    texts = {}
    for number, (name, path, right, wrong) in enumerate(MUTANTS, 1):
        if path not in texts:
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                texts[path] = f.read()
        if texts[path].count(right) != 1:
            sys.exit(f"sim/mutants/mutants.py: {name}: its text stands {texts[path].count(right)} times in {path}, not once; "
                     "bring the list up to date")
        texts[path] = texts[path].replace(right, replacement(number, right, wrong))
    return texts


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def main():
    if sys.argv[1:] == ["--files"]:
        print(";".join(dict.fromkeys(path for _, path, _, _ in MUTANTS)))
    elif len(sys.argv) == 3 and sys.argv[1] == "--write":
        for path, text in copies().items():
            write(os.path.join(sys.argv[2], path), "// Made by sim/mutants/mutants.py.\nnamespace polis {\nextern int mutant;\n}\n" + text)
        names = "".join(f'    "{name}",\n' for name, _, _, _ in MUTANTS)
        places = "".join(f'    {str(PAXOS in path or "slots" in name).lower()},\n' for name, path, _, _ in MUTANTS)
        write(os.path.join(sys.argv[2], "mutants.hh"), "// Made by sim/mutants/mutants.py. The number of a mutant is its place; 0 is the right code.\n"
              f'#pragma once\n\n#include <cstddef>\n\ninline constexpr const char* kMutants[] = {{\n    "none",\n{names}}};\ninline constexpr bool kInPaxos[] = {{\n    false,\n{places}}};\n')
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
