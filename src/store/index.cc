#include "store/index.hh"

#include <algorithm>
#include <utility>

namespace polis::store {
namespace {

// Two nodes become one when it is filled no more than this: well below full, so that the next key
// does not split it again.
constexpr std::size_t merged_max(std::size_t capacity) { return capacity * 3 / 4; }

// Gives the memory of a long key back; assignment would keep it.
void clear(Index::Entry& entry) {
  std::string().swap(entry.key);
  entry.info = {};
}

}  // namespace

KeySums& KeySums::operator+=(const KeySums& other) {
  entries += other.entries;
  alive += other.alive;
  item_bytes += other.item_bytes;
  keys_only_bytes += other.keys_only_bytes;
  return *this;
}

KeySums& KeySums::operator-=(const KeySums& other) {
  entries -= other.entries;
  alive -= other.alive;
  item_bytes -= other.item_bytes;
  keys_only_bytes -= other.keys_only_bytes;
  return *this;
}

KeySums Index::sums_of(const Entry& entry) {
  if (entry.info.tombstone) return {.entries = 1};
  return {1, 1, field_bytes(entry.info.key_value_bytes),
          field_bytes(field_bytes(entry.key.size()) + entry.info.revision_bytes)};
}

Index::~Index() {
  if (root_ != nullptr) destroy(root_);
}

void Index::destroy(Node* node) {
  if (node->leaf) {
    delete static_cast<Leaf*>(node);
    return;
  }
  auto* inner = static_cast<Inner*>(node);
  for (std::size_t i = 0; i < inner->size; ++i) destroy(inner->children[i]);
  delete inner;
}

void Index::swap(Index& other) noexcept {
  std::swap(root_, other.root_);
  std::swap(first_, other.first_);
  std::swap(last_, other.last_);
  std::swap(total_, other.total_);
}

// --- finding
// -------------------------------------------------------------------------------------------------------

Index::Leaf* Index::leaf_for(std::string_view key) const {
  Node* node = root_;
  while (node != nullptr && !node->leaf) {
    auto* inner = static_cast<Inner*>(node);
    auto begin = inner->first.begin() + 1, end = inner->first.begin() + inner->size;
    auto behind = std::upper_bound(begin, end, key);
    node = inner->children[static_cast<std::size_t>(behind - inner->first.begin()) - 1];
  }
  return static_cast<Leaf*>(node);
}

std::size_t Index::place_in(const Leaf& leaf, std::string_view key) {
  auto end = leaf.entries.begin() + leaf.size;
  auto place = std::lower_bound(leaf.entries.begin(), end, key,
                                [](const Entry& e, std::string_view k) { return e.key < k; });
  return static_cast<std::size_t>(place - leaf.entries.begin());
}

Index::const_iterator Index::lower_bound(std::string_view key) const {
  const Leaf* leaf = leaf_for(key);
  if (leaf == nullptr) return end();
  std::size_t at = place_in(*leaf, key);
  return at < leaf->size ? const_iterator(leaf, at) : const_iterator(leaf->next, 0);
}

Index::const_iterator Index::find(std::string_view key) const {
  const Leaf* leaf = leaf_for(key);
  if (leaf == nullptr) return end();
  std::size_t at = place_in(*leaf, key);
  return at < leaf->size && leaf->entries[at].key == key ? const_iterator(leaf, at) : end();
}

Index::const_iterator Index::before(const_iterator i) const {
  if (i.leaf_ != nullptr && i.at_ > 0) return {i.leaf_, i.at_ - 1};
  const Leaf* leaf = i.leaf_ != nullptr ? i.leaf_->previous : last_;
  return leaf != nullptr ? const_iterator(leaf, leaf->size - 1u) : end();
}

Index::const_iterator Index::alive_from(const_iterator i) const {
  for (std::size_t looked = 0; i != end() && i->info.tombstone; ++i) {
    // A long way over tombstones: the sums know the end of it.
    if (++looked > kLeafEntries) return alive_at(sums_before(i).alive);
  }
  return i;
}

Index::const_iterator Index::alive_at(std::uint64_t rank) const {
  if (rank >= total_.alive) return end();
  const Node* node = root_;
  while (!node->leaf) {
    const auto* inner = static_cast<const Inner*>(node);
    std::size_t child = 0;
    while (rank >= inner->sums[child].alive) rank -= inner->sums[child++].alive;
    node = inner->children[child];
  }
  const auto* leaf = static_cast<const Leaf*>(node);
  for (std::size_t at = 0;; ++at) {
    CHECK(at < leaf->size);
    if (!leaf->entries[at].info.tombstone && rank-- == 0) return {leaf, at};
  }
}

KeySums Index::sums_before(const_iterator i) const {
  if (i == end()) return total_;
  KeySums sums;
  for (std::size_t at = 0; at < i.at_; ++at) sums += sums_of(i.leaf_->entries[at]);
  for (const Node* node = i.leaf_; node->parent != nullptr; node = node->parent) {
    for (std::size_t at = 0; at < node->at; ++at) sums += node->parent->sums[at];
  }
  return sums;
}

Index::const_iterator KeyRange::end_in(const Index& index) const {
  if (to_the_end()) return index.end();
  if (end > key) return index.lower_bound(end);
  auto i = index.lower_bound(key);
  if (single() && i != index.end() && i->key == key) ++i;
  return i;
}

// --- changing
// ------------------------------------------------------------------------------------------------------

void Index::add(Node& node, const KeySums& sums) {
  for (Node* n = &node; n->parent != nullptr; n = n->parent) n->parent->sums[n->at] += sums;
  total_ += sums;
}

Index::const_iterator Index::try_emplace(std::string_view key) {
  if (root_ == nullptr) root_ = first_ = last_ = new Leaf;
  Leaf* leaf = leaf_for(key);
  std::size_t at = place_in(*leaf, key);
  if (at < leaf->size && leaf->entries[at].key == key) return {leaf, at};
  if (leaf->size == kLeafEntries) {
    Leaf* right = split(*leaf, at, key);
    if (at > leaf->size || leaf->size == kLeafEntries) {
      at -= leaf->size;
      leaf = right;
    }
  }
  auto place = leaf->entries.begin() + static_cast<std::ptrdiff_t>(at);
  auto end = leaf->entries.begin() + leaf->size;
  std::move_backward(place, end, end + 1);
  ++leaf->size;
  *place = {std::string(key), {.tombstone = true}};
  add(*leaf, {.entries = 1});
  return {leaf, at};
}

// Keys that come in order leave full leaves behind them.
Index::Leaf* Index::split(Leaf& leaf, std::size_t at, std::string_view key) {
  const std::size_t kept = at == kLeafEntries ? kLeafEntries : kLeafEntries / 2;
  auto* right = new Leaf;
  KeySums moved;
  for (std::size_t i = kept; i < kLeafEntries; ++i) {
    moved += sums_of(leaf.entries[i]);
    right->entries[i - kept] = std::move(leaf.entries[i]);
    clear(leaf.entries[i]);
  }
  right->size = static_cast<std::uint16_t>(kLeafEntries - kept);
  leaf.size = static_cast<std::uint16_t>(kept);
  right->previous = &leaf;
  right->next = std::exchange(leaf.next, right);
  (right->next != nullptr ? right->next->previous : last_) = right;
  insert_child(leaf, right->size > 0 ? right->entries[0].key : std::string(key), *right, moved);
  return right;
}

// `right` comes behind `left`, and `sums` of what was counted for `left` are its now.
void Index::insert_child(Node& left, std::string first, Node& right, KeySums sums) {
  if (left.parent == nullptr) {
    auto* root = new Inner;
    root->leaf = false;
    place_child(*root, 0, {}, left, total_ - sums);
    place_child(*root, 1, std::move(first), right, sums);
    root_ = root;
    return;
  }
  Inner& parent = *left.parent;
  const std::size_t at = left.at + 1u;
  parent.sums[left.at] -= sums;
  if (parent.size < kInnerChildren) return place_child(parent, at, std::move(first), right, sums);
  const std::size_t kept = at == kInnerChildren ? kInnerChildren : kInnerChildren / 2;
  auto* beside = new Inner;
  beside->leaf = false;
  std::string beside_first = kept < kInnerChildren ? parent.first[kept] : first;
  KeySums moved;
  for (std::size_t i = kept; i < kInnerChildren; ++i) {
    moved += parent.sums[i];
    place_child(*beside, i - kept, std::exchange(parent.first[i], {}), *parent.children[i],
                parent.sums[i]);
  }
  parent.size = static_cast<std::uint16_t>(kept);
  if (at > kept || kept == kInnerChildren) {
    moved += sums;
    place_child(*beside, at - kept, std::move(first), right, sums);
  } else {
    place_child(parent, at, std::move(first), right, sums);
  }
  insert_child(parent, std::move(beside_first), *beside, moved);
}

void Index::place_child(Inner& inner, std::size_t at, std::string first, Node& child,
                        const KeySums& sums) {
  for (std::size_t i = inner.size; i > at; --i) {
    inner.children[i] = inner.children[i - 1];
    inner.children[i]->at = static_cast<std::uint16_t>(i);
    inner.sums[i] = inner.sums[i - 1];
    inner.first[i] = std::move(inner.first[i - 1]);
  }
  inner.children[at] = &child;
  inner.sums[at] = sums;
  inner.first[at] = std::move(first);
  child.parent = &inner;
  child.at = static_cast<std::uint16_t>(at);
  ++inner.size;
}

void Index::update(const_iterator i, const KeyInfo& info) {
  auto* leaf = const_cast<Leaf*>(i.leaf_);
  Entry& entry = leaf->entries[i.at_];
  KeySums change = KeySums() - sums_of(entry);  // modulo 2^64, as all sums are
  entry.info = info;
  change += sums_of(entry);
  add(*leaf, change);
}

void Index::erase(const_iterator i) {
  auto* leaf = const_cast<Leaf*>(i.leaf_);
  add(*leaf, KeySums() - sums_of(*i));
  auto place = leaf->entries.begin() + static_cast<std::ptrdiff_t>(i.at_);
  std::move(place + 1, leaf->entries.begin() + leaf->size, place);
  clear(leaf->entries[--leaf->size]);
  shrink(*leaf);
}

// Empty nodes go, and two small neighbours become one.
void Index::shrink(Node& node) {
  const std::size_t capacity = node.leaf ? kLeafEntries : kInnerChildren;
  if (node.size == 0) return remove_child(node);
  Inner* parent = node.parent;
  if (parent == nullptr) {
    if (node.leaf || node.size > 1) return;
    root_ = static_cast<Inner&>(node).children[0];
    root_->parent = nullptr;
    root_->at = 0;
    delete static_cast<Inner*>(&node);
    return shrink(*root_);
  }
  for (std::size_t at : {node.at + 0u, node.at - 1u}) {
    if (at + 1 >= parent->size) continue;  // also for the one before the first
    Node& left = *parent->children[at];
    Node& right = *parent->children[at + 1];
    if (left.size + right.size + 0u > merged_max(capacity)) continue;
    absorb(left, right);
    return remove_child(right);
  }
}

// Everything of `right` goes to the end of `left`.
void Index::absorb(Node& left, Node& right) {
  Inner& parent = *left.parent;
  parent.sums[left.at] += std::exchange(parent.sums[right.at], {});
  if (left.leaf) {
    auto& from = static_cast<Leaf&>(right);
    auto& to = static_cast<Leaf&>(left);
    std::move(from.entries.begin(), from.entries.begin() + from.size, to.entries.begin() + to.size);
    to.size = static_cast<std::uint16_t>(to.size + from.size);
  } else {
    auto& from = static_cast<Inner&>(right);
    auto& to = static_cast<Inner&>(left);
    from.first[0] = parent.first[right.at];
    for (std::size_t i = 0; i < from.size; ++i)
      place_child(to, to.size, std::move(from.first[i]), *from.children[i], from.sums[i]);
  }
  right.size = 0;
}

// Precondition: it holds nothing.
void Index::remove_child(Node& child) {
  Inner* parent = child.parent;
  const std::size_t at = child.at;
  if (child.leaf) {
    auto& leaf = static_cast<Leaf&>(child);
    (leaf.previous != nullptr ? leaf.previous->next : first_) = leaf.next;
    (leaf.next != nullptr ? leaf.next->previous : last_) = leaf.previous;
    delete &leaf;
  } else {
    delete static_cast<Inner*>(&child);
  }
  if (parent == nullptr) {
    root_ = nullptr;
    return;
  }
  for (std::size_t i = at; i + 1 < parent->size; ++i) {
    parent->children[i] = parent->children[i + 1];
    parent->children[i]->at = static_cast<std::uint16_t>(i);
    parent->sums[i] = parent->sums[i + 1];
    parent->first[i] = std::move(parent->first[i + 1]);
  }
  --parent->size;
  std::string().swap(parent->first[parent->size]);
  shrink(*parent);
}

// --- checking
// ------------------------------------------------------------------------------------------------------

KeySums Index::check_node(const Node& node, std::string_view from, const std::string* to) {
  KeySums sums;
  if (node.leaf) {
    const auto& leaf = static_cast<const Leaf&>(node);
    for (std::size_t i = 0; i < leaf.size; ++i) {
      const std::string& key = leaf.entries[i].key;
      CHECK(key >= from && (to == nullptr || key < *to));
      CHECK(i == 0 || leaf.entries[i - 1].key < key);
      sums += sums_of(leaf.entries[i]);
    }
    return sums;
  }
  const auto& inner = static_cast<const Inner&>(node);
  CHECK(inner.size > 0);
  for (std::size_t i = 0; i < inner.size; ++i) {
    const Node& child = *inner.children[i];
    CHECK(child.parent == &inner && child.at == i && child.size > 0);
    const std::string* end = i + 1u < inner.size ? &inner.first[i + 1] : to;
    KeySums below = check_node(child, i == 0 ? from : std::string_view(inner.first[i]), end);
    CHECK(below == inner.sums[i]);
    sums += below;
  }
  return sums;
}

void Index::check_for_test() const {
  if (root_ == nullptr) {
    CHECK(total_ == KeySums() && first_ == nullptr && last_ == nullptr);
    return;
  }
  CHECK(root_->parent == nullptr && check_node(*root_, "", nullptr) == total_);
  std::uint64_t linked = 0;
  const Leaf* previous = nullptr;
  for (const Leaf* leaf = first_; leaf != nullptr; previous = leaf, leaf = leaf->next) {
    CHECK(leaf->previous == previous);
    linked += leaf->size;
  }
  CHECK(previous == last_ && linked == total_.entries);
}

}  // namespace polis::store
