#pragma once

#include <exception>
#include <string>

#include "graph/core/result.hpp"

namespace hocket::background {

/// The result of a call into somebody else's code; what it throws becomes an error with this code.
template <class T, class F>
result<T> guarded(const char* code, F&& f) {
  try {
    return f();
  } catch (const std::exception& e) {
    return fail(code, e.what());
  } catch (...) {
    return fail(code, "threw something that is no std::exception");
  }
}

}  // namespace hocket::background
