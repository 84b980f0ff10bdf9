#include "client/election.hh"

#include <gtest/gtest.h>

namespace polis::client {
namespace {

KeyValue candidate(const std::string& key, std::int64_t created, const std::string& value) {
  return {.key = key, .value = value, .created = CreateRevision(created)};
}

Changes change(Event::Kind kind, const KeyValue& kv) { return {.events = {{kind, kv, {}}}}; }

TEST(OfficeView, the_oldest_candidate_is_in_office) {
  OfficeView view;
  EXPECT_EQ(view.holder(), std::nullopt);
  EXPECT_FALSE(view.on_page({.keys = {candidate("e/b", 7, "B")}, .first = true}));
  EXPECT_TRUE(view.on_page({.keys = {candidate("e/c", 5, "C")}, .last = true}));
  EXPECT_EQ(view.holder(), (Office{"e/c", "C", FencingToken(5)}));
  view.on_changes(change(Event::Kind::kPut, candidate("e/a", 9, "A")));
  EXPECT_EQ(view.holder()->proposal, "C");
  view.on_changes(change(Event::Kind::kPut, candidate("e/c", 5, "C2")));
  EXPECT_EQ(view.holder()->proposal, "C2");
  view.on_changes(change(Event::Kind::kDelete, candidate("e/c", 0, "")));
  EXPECT_EQ(view.holder()->token, FencingToken(7));
}

TEST(OfficeView, a_new_picture_replaces_the_old_one) {
  OfficeView view;
  view.on_page({.keys = {candidate("e/a", 3, "A")}, .first = true, .last = true});
  view.on_page({.keys = {candidate("e/b", 8, "B")}, .first = true, .last = true});
  EXPECT_EQ(view.holder()->proposal, "B");
}

}  // namespace
}  // namespace polis::client
