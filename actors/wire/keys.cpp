#include "actors/wire/keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include <fmt/format.h>

#include "actors/wire/node.hpp"
#include "graph/trust/files.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::wire {
namespace {

namespace fs = std::filesystem;

tl::unexpected<error> bad(const error& why, const char* remedy = "") {
  return fail(wire_error::bad_key, why.message + remedy);
}

result<void> write_new(const trust::folder& to, const std::string& name, const std::string& text,
                       trust::readers who) {
  const auto made = to.create(name, trust::create_as::fresh, who);
  if (!made) return bad(made.error(), "; remove it first if it is no longer needed");
  auto done = made->write(text);
  if (done && fsync(made->fd()) == 0) return {};
  (void)to.remove(name);
  return done ? fail(wire_error::bad_key, fmt::format("{}: {}", made->path(), std::strerror(errno)))
              : bad(done.error());
}

/// What a key file holds: a plain file of a few lines, whatever lies under its name. `rules` looks at
/// the very file that is read.
result<std::string> read_key(const fs::path& file,
                             result<void> (*rules)(const fs::path&, const struct stat&)) {
  constexpr std::size_t most = 4096;
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat info {};
  const bool plain = fd >= 0 && ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  if (fd >= 0 && !plain) ::close(fd);
  if (!plain)
    return fail(wire_error::bad_key, fmt::format("{}: {}; `hocket keys` makes keys", file.string(),
                                                 fd < 0 ? "cannot be read" : "is no plain file"));
  std::string text(most, '\0');
  const auto allowed = rules != nullptr ? rules(file, info) : result<void>();
  const auto n = allowed ? ::read(fd, text.data(), most) : 0;
  ::close(fd);
  if (!allowed) return fail(allowed);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  std::istringstream in(text);
  std::string line, key;
  int keys = 0;
  while (std::getline(in, line) && keys < 2) {
    while (!line.empty() && std::strchr(" \t\r", line.back()) != nullptr) line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    key = line;
    ++keys;
  }
  in.str({});
  trust::wipe(text);
  trust::wipe(line);
  if (keys == 1 && is_key(key)) return key;
  trust::wipe(key);
  return fail(wire_error::bad_key,
              fmt::format("{}: not one key of 40 characters (Z85); `hocket keys` makes keys",
                          file.string()));
}

result<void> is_our_secret(const fs::path& file, const struct stat& info) {
  if (info.st_uid != geteuid() && info.st_uid != 0)
    return fail(
        wire_error::bad_key,
        fmt::format("{}: belongs to another user, who knows this secret key; make a pair of "
                    "your own",
                    file.string()));
  if ((info.st_mode & 077) != 0)
    return fail(wire_error::bad_key,
                fmt::format("{}: others can read this secret key (mode {:04o}); chmod 600 it, or "
                            "better make a new pair",
                            file.string(), info.st_mode & 07777));
  return {};
}

/// Whoever may write to the folder may put another key there.
result<void> is_our_folder(const fs::path& folder) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) return {};  // told by the file
  if (info.st_uid != geteuid() && info.st_uid != 0)
    return fail(wire_error::bad_key,
                fmt::format("{}: belongs to another user, who can replace the keys in it; keep "
                            "them in a folder of your own",
                            folder.string()));
  const bool group = (info.st_mode & S_IWGRP) != 0 && info.st_gid != getegid();
  if ((info.st_mode & S_ISVTX) == 0 && ((info.st_mode & S_IWOTH) != 0 || group))
    return fail(wire_error::bad_key,
                fmt::format("{}: {} can replace the keys in this folder; chmod go-w it",
                            folder.string(), group ? "its group" : "everybody"));
  return {};
}

}  // namespace

bool is_key(const std::string& text) {
  static constexpr std::string_view alphabet =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
  if (text.size() != 40 || text.find_first_not_of(alphabet) != std::string::npos) return false;
  std::uint8_t raw[32];
  return zmq_z85_decode(raw, text.c_str()) != nullptr;
}

result<key_pair> make_keys() {
  char pub[41], secret[41];
  do {
    if (zmq_curve_keypair(pub, secret) != 0)
      return fail(wire_error::bad_key, "this libzmq was built without CURVE");
    // A key that begins with # would read as a comment.
  } while (pub[0] == '#' || secret[0] == '#');
  key_pair made{pub, secret};
  ::explicit_bzero(secret, sizeof secret);
  return made;
}

result<std::string> public_key_of(const trust::shared_secret& secret_key) {
  char pub[41];
  std::string text(secret_key.exposed());
  const bool done = is_key(text) && zmq_curve_public(pub, text.c_str()) == 0;
  trust::wipe(text);
  if (!done) return fail(wire_error::bad_key, "the secret key is no key of 40 characters (Z85)");
  return std::string(pub);
}

result<void> write_keys(const fs::path& folder, const std::string& name, const key_pair& keys) {
  const auto to = trust::folder::open(folder.string());
  if (!to) return bad(to.error());
  auto text = fmt::format("# Secret key of host {}: keep it there, show it to nobody.\n{}\n", name,
                          keys.secret_key.exposed());
  const auto kept = write_new(*to, name + ".key", text, trust::readers::owner);
  trust::wipe(text);
  if (!kept) return fail(kept);
  auto ok = write_new(*to, name + ".pub",
                      fmt::format("# Public key of host {}.\n{}\n", name, keys.public_key),
                      trust::readers::everyone);
  if (!ok) (void)to->remove(name + ".key");
  return ok;
}

result<std::string> read_public_key(const fs::path& file) { return read_key(file, nullptr); }

result<trust::shared_secret> read_secret_key(const fs::path& file) {
  HOCKET_TRY(is_our_folder(file.has_parent_path() ? file.parent_path() : fs::path(".")));
  auto text = read_key(file, is_our_secret);
  if (!text) return fail(text);
  const trust::shared_secret held(*text);
  trust::wipe(*text);
  return held;
}

}  // namespace hocket::wire
