#pragma once

// A map from ranges of keys to values. It finds all ranges that contain a key, in O(log n) for each
// range found.
//
// It is a treap ordered by the beginnings of the ranges. Each node knows the furthest end below it,
// so a subtree whose ranges all end before the key is passed over as a whole.
//
// Threads: none of its own.

#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "base/random.hh"
#include "store/index.hh"

namespace polis::store {

template <typename Value>
class IntervalIndex {
 public:
  // The value of exactly this range; it is made if there is none. The reference is valid until the
  // range is erased. Precondition: range.key < range.end, or range.to_the_end().
  Value& operator[](const KeyRange& range) {
    Value* value = nullptr;
    insert(root_, range, value);
    return *value;
  }
  void erase(const KeyRange& range) { erase(root_, range); }
  bool empty() const { return root_ == nullptr; }

  // Calls use(value) for every range that contains `key`, in the order of the ranges' beginnings.
  // `use` must not change this index.
  template <typename Use>
  void visit(std::string_view key, Use use) {
    visit(root_.get(), key, use);
  }

 private:
  struct Node {
    KeyRange range;
    Value value;
    std::uint64_t priority;
    const KeyRange* furthest;  // of this node and all below it, the range that ends last
    std::unique_ptr<Node> left, right;
  };
  using Link = std::unique_ptr<Node>;

  static bool less(const KeyRange& a, const KeyRange& b) {
    return std::tie(a.key, a.end) < std::tie(b.key, b.end);
  }
  static bool ends_before(const KeyRange& a, const KeyRange& b) {
    return !a.to_the_end() && (b.to_the_end() || a.end < b.end);
  }
  static void update(Node& node) {
    node.furthest = &node.range;
    for (const Link* child : {&node.left, &node.right}) {
      if (*child && ends_before(*node.furthest, *(*child)->furthest))
        node.furthest = (*child)->furthest;
    }
  }
  static void rotate_right(Link& top) {
    Link left = std::move(top->left);
    top->left = std::move(left->right);
    update(*top);
    left->right = std::move(top);
    top = std::move(left);
  }
  static void rotate_left(Link& top) {
    Link right = std::move(top->right);
    top->right = std::move(right->left);
    update(*top);
    right->left = std::move(top);
    top = std::move(right);
  }

  void insert(Link& link, const KeyRange& range, Value*& value) {
    if (!link) {
      link = std::make_unique<Node>(Node{range, {}, random_.next(), nullptr, nullptr, nullptr});
      value = &link->value;
    } else if (less(range, link->range)) {
      insert(link->left, range, value);
      if (link->left->priority > link->priority) rotate_right(link);
    } else if (less(link->range, range)) {
      insert(link->right, range, value);
      if (link->right->priority > link->priority) rotate_left(link);
    } else {
      value = &link->value;
    }
    update(*link);
  }

  void erase(Link& link, const KeyRange& range) {
    if (!link) return;
    if (less(range, link->range)) {
      erase(link->left, range);
    } else if (less(link->range, range)) {
      erase(link->right, range);
    } else if (!link->left || !link->right) {
      link = std::move(link->left ? link->left : link->right);
    } else if (link->left->priority > link->right->priority) {
      rotate_right(link);
      erase(link->right, range);
    } else {
      rotate_left(link);
      erase(link->left, range);
    }
    if (link) update(*link);
  }

  template <typename Use>
  static void visit(Node* node, std::string_view key, Use& use) {
    if (node == nullptr) return;
    if (!node->furthest->to_the_end() && node->furthest->end <= key) return;
    visit(node->left.get(), key, use);
    if (node->range.contains(key)) use(node->value);
    if (node->range.key <= key) visit(node->right.get(), key, use);
  }

  Random random_{1};  // priorities: any will do, and the same in every run
  Link root_;
};

}  // namespace polis::store
