#pragma once

namespace hocket::testing {

/// For what is promised of a real time that a busy machine may be too late for: whether it held in one
/// of five tries.
template <class F>
bool in_one_of_five(F&& holds) {
  for (int i = 0; i < 5; ++i)
    if (holds()) return true;
  return false;
}

}  // namespace hocket::testing
