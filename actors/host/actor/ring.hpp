#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "graph/core/assert.hpp"

namespace hocket::host {

/// A double-ended queue in one block of memory that grows and never shrinks, so that a hop in the
/// steady state allocates nothing.
template <class T>
class ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return slots_[(head_ + i) & (slots_.size() - 1)]; }
  const T& operator[](std::size_t i) const { return slots_[(head_ + i) & (slots_.size() - 1)]; }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& front() const { return (*this)[0]; }

  void push_back(T&& v) {
    reserve_one();
    slots_[(head_ + size_) & (slots_.size() - 1)] = std::move(v);
    ++size_;
  }
  void push_front(T v) {
    reserve_one();
    head_ = (head_ + slots_.size() - 1) & (slots_.size() - 1);
    slots_[head_] = std::move(v);
    ++size_;
  }
  T take_front() {
    HOCKET_ASSERT(size_ > 0);
    T v = std::move(slots_[head_]);  // what stays there holds nothing any more
    head_ = (head_ + 1) & (slots_.size() - 1);
    --size_;
    return v;
  }
  /// Removes every element that `pred` holds for, in order; returns how many went.
  template <class Pred>
  std::size_t remove_if(Pred pred) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      T& v = (*this)[i];
      if (pred(v)) continue;
      if (kept != i) (*this)[kept] = std::move(v);
      ++kept;
    }
    const auto gone = size_ - kept;
    for (std::size_t i = kept; i < size_; ++i) (*this)[i] = T();
    size_ = kept;
    return gone;
  }

 private:
  void reserve_one() {
    if (size_ < slots_.size()) return;
    std::vector<T> bigger(slots_.empty() ? 4 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) bigger[i] = std::move((*this)[i]);
    slots_ = std::move(bigger);
    head_ = 0;
  }

  std::vector<T> slots_;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace hocket::host
