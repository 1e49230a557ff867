#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include <tl/expected.hpp>

namespace hocket {

/// What went wrong in the world at run time: a stable code and a sentence a person can act on.
///
/// Codes read `folder.value`, such as `capture.device_lost`; each folder lists its own in an enum
/// with a `code_of(enum)` function found by argument-dependent look-up.
struct error {
  std::string code;
  std::string message;
};

/// A value or an error, shaped like std::expected (C++23).
template <class T>
using result = tl::expected<T, error>;

inline tl::unexpected<error> fail(std::string code, std::string message) {
  return tl::unexpected<error>(error{std::move(code), std::move(message)});
}
// clang-format off
template <class Enum>
  requires std::is_enum_v<Enum>
tl::unexpected<error> fail(Enum code, std::string message) {
  return fail(std::string(code_of(code)), std::move(message));
}
// clang-format on
/// Passes an error on under another result type.
template <class T>
tl::unexpected<error> fail(const tl::expected<T, error>& failed) {
  return tl::unexpected<error>(failed.error());
}

}  // namespace hocket

/// Returns early with the error of a result<void> expression.
#define HOCKET_TRY(expression)                                             \
  do {                                                                     \
    if (auto hocket_try_result = (expression); !hocket_try_result)         \
      return ::tl::unexpected<::hocket::error>(hocket_try_result.error()); \
  } while (false)
