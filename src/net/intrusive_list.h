// A list whose links live in its elements: joining and leaving allocate nothing and never fail.
// An element leaves its list by itself when it is destroyed. Not thread-safe.
#pragma once

namespace wrenn::net {

template <class T, class Tag>
class IntrusiveList;

// `Tag` tells the links apart when an element can be in several lists at once.
template <class Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool is_linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = nullptr;
  }

 private:
  template <class T, class U>
  friend class IntrusiveList;
  ListNode* previous_ = nullptr;
  ListNode* next_ = nullptr;
};

template <class T, class Tag>
class IntrusiveList {
 public:
  IntrusiveList() { head_.previous_ = head_.next_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (pop_front() != nullptr) {
    }
  }

  bool empty() const { return head_.next_ == &head_; }
  void push_back(T& element) {
    ListNode<Tag>& node = element;
    node.previous_ = head_.previous_;
    node.next_ = &head_;
    head_.previous_->next_ = &node;
    head_.previous_ = &node;
  }
  // The first element, taken out; nullptr when there is none.
  T* pop_front() {
    if (empty()) return nullptr;
    ListNode<Tag>* node = head_.next_;
    node->unlink();
    return static_cast<T*>(node);
  }

 private:
  ListNode<Tag> head_;
};

}  // namespace wrenn::net
