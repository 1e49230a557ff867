#pragma once

#include <filesystem>
#include <string>

#include "graph/core/result.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::wire {

/// A CURVE key pair in Z85, 40 characters each.
struct key_pair {
  std::string public_key;
  trust::shared_secret secret_key;
};

/// A fresh pair. Errors: wire.bad_key where this libzmq was built without CURVE.
result<key_pair> make_keys();
/// The public key that belongs to a secret one. Errors: wire.bad_key.
result<std::string> public_key_of(const trust::shared_secret& secret_key);
/// Whether a text is 40 characters of Z85.
bool is_key(const std::string& text);

/// Writes NAME.pub (0644) and NAME.key (0600) to a folder, which is made (0700) where it is
/// missing. Never replaces a file. Errors: wire.bad_key, naming the file.
result<void> write_keys(const std::filesystem::path& folder, const std::string& name,
                        const key_pair& keys);
/// Reads a file of one key: comment lines (#) and one line with the key.
/// Errors: wire.bad_key, naming the file and the remedy.
result<std::string> read_public_key(const std::filesystem::path& file);
/// The same for a secret key; refuses a file that others than its owner can read.
result<trust::shared_secret> read_secret_key(const std::filesystem::path& file);

}  // namespace hocket::wire
