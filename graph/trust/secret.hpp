#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// A secret that several hold: it goes when the last of them does. Made from a text, so that a field
/// of options can be one; the text is the caller's to wipe.
class shared_secret {
 public:
  shared_secret() = default;
  shared_secret(std::string_view bytes);  // NOLINT: takes the place of a text
  shared_secret(const std::string& bytes) : shared_secret(std::string_view(bytes)) {}
  shared_secret(const char* bytes) : shared_secret(std::string_view(bytes)) {}

  bool empty() const { return !bytes_ || bytes_->empty(); }
  void clear() { bytes_.reset(); }
  std::string_view exposed() const { return bytes_ ? bytes_->exposed() : std::string_view(); }
  /// Takes as long wherever they differ.
  friend bool operator==(const shared_secret& a, const shared_secret& b);

 private:
  std::shared_ptr<const secret> bytes_;
};

/// Overwrites what a text held, also beyond its end, and empties it.
void wipe(std::string& text);

/// A graph took this value from the environment variable: from here on `without_secrets` knows it.
/// Process-wide, for good. Names of everyday (HOME, PATH, LANG, …) and empty values are not secrets.
/// A process that has one leaves no core dump.
void note_secret(const std::string& name, std::string_view value);
bool any_secrets();

/// The text with `${env:NAME}` for every value that was noted: whole, in parts of lines, as JSON and
/// YAML write it. Values under 4 bytes stay; those under 12 go where they stand as a word of their own.
/// Threads: any. Cost: one look at a flag where nothing was noted.
std::string without_secrets(std::string text);

/// The same for a graph file: each scalar that is, or holds, a value becomes a reference, so that the
/// text reads as before where the variable is set. Scalars of any length go where they are the value.
std::string graph_without_secrets(std::string_view yaml);

/// What this thread notes from here on, also what was noted before: the secrets of one graph, for the
/// hash that other hosts are told. One at a time in a thread.
class secrets_of_graph {
 public:
  secrets_of_graph();
  ~secrets_of_graph();
  secrets_of_graph(const secrets_of_graph&) = delete;
  secrets_of_graph& operator=(const secrets_of_graph&) = delete;
  /// As graph_without_secrets, for these alone: the same on each host, whatever it saw before.
  std::string without(std::string_view yaml) const;
  void note(const std::string& name, std::string_view value);

 private:
  std::vector<std::pair<std::string, shared_secret>> noted_;
};

/// Removes what was noted. For tests.
void forget_secrets();

}  // namespace hocket::trust
