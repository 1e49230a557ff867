#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "graph/core/result.hpp"
#include "graph/trust/secret.hpp"

/// Files that nobody reads without the operator's key: a head, then frames that are each encrypted and
/// authenticated (ChaCha20-Poly1305) under a key of the file's own, with their place in it, then a frame
/// that says that it ends there. A file that ends in the middle of a frame is whole up to the frame
/// before; what was changed, left out, cut off or put in another order is found.
namespace hocket::trust {

/// The key that files of this process are sealed with: 64 hexadecimal digits, or words of 16 bytes and
/// more, in the variable HOCKET_SEAL_KEY or in the file that HOCKET_SEAL_KEY_FILE names, which is
/// this user's alone. Empty where neither is set: files are written as they are.
/// Errors: seal.bad_key, naming the variable or the file.
result<shared_secret> sealing_key();

inline constexpr std::string_view sealed_magic = "HOCKETS1";
inline constexpr std::size_t sealed_head_bytes = 64, frame_bytes_max = 1 << 20;
inline constexpr std::size_t frame_extra_bytes = 4 + 12 + 16;  ///< size, nonce, tag

bool is_sealed(std::string_view first_bytes);

/// The keys of one file, or of one part of it: parts follow each other, each with a head of its own.
/// Threads: one at a time.
class seal {
 public:
  /// For a new part. Errors: seal.failed.
  static result<std::unique_ptr<seal>> fresh(const shared_secret& key);
  /// Of a head that was read. Errors: seal.wrong_key, seal.damaged.
  static result<std::unique_ptr<seal>> of(const shared_secret& key, std::string_view head);

  const std::string& head() const { return head_; }
  /// Whether the part has an end frame where it was ended in order; one of an earlier release has none.
  bool marks_end() const;
  /// Frame number `n` of the part, of at most frame_bytes_max. Errors: seal.failed.
  result<std::string> close(std::uint64_t n, std::string_view plain) const;
  /// Frames for bytes of any length, from number `n` on, which goes on by theirs.
  result<std::string> close_all(std::uint64_t& n, std::string_view plain) const;
  /// What stands behind the last of `n` frames. Errors: seal.failed.
  result<std::string> end(std::uint64_t n) const { return close(n, {}); }
  /// The text of a frame; empty: it is the part's end.
  /// Errors: seal.damaged (changed, or not at its place).
  result<std::string> open(std::uint64_t n, std::string_view frame) const;

 private:
  explicit seal(std::string head) : head_(std::move(head)) {}
  result<void> derive(const shared_secret& key, std::string& check);
  std::string head_;
  secret key_;
};

/// For who appends to a file: what a text becomes there. As it is where no key is set.
class line_seal {
 public:
  /// Errors: seal.bad_key, seal.failed.
  static result<line_seal> begin();
  bool on() const { return seal_ != nullptr; }
  /// Errors: seal.failed.
  result<std::string> sealed(std::string_view text);
  /// The file took what sealed() gave last; where it did not, the next text takes its place.
  void took();
  /// What goes behind the last text: nothing more comes. Empty where it is not on.
  result<std::string> end() const;

 private:
  std::unique_ptr<seal> seal_;
  std::uint64_t frames_ = 0, next_ = 0;
};

/// How many bytes of text a frame holds, from its first 4 (0: the end of its part); nothing where no
/// frame begins there.
std::optional<std::size_t> plain_size(std::string_view frame_head);

/// How whole a sealed file is, beside what it holds.
struct seal_report {
  std::size_t parts = 0;         ///< one for each who appended
  std::size_t without_end = 0;   ///< were cut off: by a crash, a full disk, or somebody
  std::size_t unmarked = 0;      ///< of an earlier release: nothing says whether they are whole
  std::uint64_t lost_bytes = 0;  ///< of frames that are not whole
  std::size_t changed = 0;       ///< places where frames were changed, left out or moved
  /// "1 of its 2 parts not ended in order, …"; empty where all is whole.
  std::string problem() const;
};

/// All that a sealed file's bytes hold: of each part up to its last whole frame. A part that was torn
/// costs what it lost, not the parts behind it. Who takes a report gets what is whole behind a frame
/// that was changed, too, and is to tell what the report says; who takes none gets an error then.
/// Errors: seal.needs_key, seal.wrong_key, seal.damaged.
result<std::string> unsealed(std::string_view bytes, const shared_secret& key,
                             seal_report* report = nullptr);

/// What a text file holds that may be sealed. Errors: files.*, seal.*.
result<std::string> read_maybe_sealed(const std::string& path,
                                      std::uint64_t max_bytes = std::uint64_t{1} << 30,
                                      seal_report* report = nullptr);

/// "FILE: it is sealed; …": what to do about it.
error needs_key(const std::string& path);

}  // namespace hocket::trust
