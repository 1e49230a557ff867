#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hocket::trust {

/// Bytes that are used and never shown: in memory that is not swapped out, dumped or inherited by a
/// child, overwritten when they go. There is no way to print, copy, compare or send one by mistake; who needs the bytes says so.
class secret {
 public:
  secret() = default;
  /// Copies them; the caller wipes its own.
  explicit secret(std::string_view bytes);
  secret(secret&& o) noexcept
      : bytes_(std::exchange(o.bytes_, nullptr)), size_(std::exchange(o.size_, 0)) {}
  secret& operator=(secret&& o) noexcept;
  secret(const secret&) = delete;
  secret& operator=(const secret&) = delete;
  ~secret();

  bool empty() const { return size_ == 0; }
  /// For the one call that needs them. Valid as long as the secret.
  std::string_view exposed() const { return {bytes_, size_}; }

 private:
  void forget();
  char* bytes_ = nullptr;
  std::size_t size_ = 0;
};

/// Overwrites what a text held, also beyond its end, and empties it.
void wipe(std::string& text);

/// A graph took this value from the environment variable: from here on `without_secrets` knows it.
/// Process-wide, for good. Names of everyday (HOME, PATH, LANG, …) and empty values are not secrets.
void note_secret(const std::string& name, std::string_view value);
bool any_secrets();

/// The text with `${env:NAME}` for every value that was noted: whole, in parts of lines, as JSON and
/// YAML write it. Values under 4 bytes stay; those under 12 go where they stand as a word of their own.
/// Threads: any. Cost: one look at a flag where nothing was noted.
std::string without_secrets(std::string text);

/// The same for a graph file: each scalar that is, or holds, a value becomes a reference, so that the
/// text reads as before where the variable is set. Scalars of any length go where they are the value.
std::string graph_without_secrets(std::string_view yaml);

/// Removes what was noted. For tests.
void forget_secrets();

}  // namespace hocket::trust
