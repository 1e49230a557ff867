#include "actors/wire/local_keys.hpp"

#include <sys/file.h>
#include <unistd.h>

#include <cctype>

#include <fmt/format.h>

#include "actors/wire/node.hpp"
#include "graph/trust/files.hpp"

namespace hocket::wire {
namespace {

std::string file_of(const std::string& host) {
  std::string out;
  for (const char c : host) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    out += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return out + ".key";
}

tl::unexpected<error> bad(const error& e) {
  return fail(wire_error::bad_key,
              e.message + "; name keys in the graph: `hocket keys` makes some");
}

}  // namespace

result<key_pair> local_keys(const std::string& host, const std::string& folder) {
  const auto at =
      trust::folder::open(folder.empty() ? fmt::format("/dev/shm/hocket-{}", geteuid()) : folder);
  if (!at) return bad(at.error());
  const auto name = file_of(host);
  // Both hosts may be the first to need it.
  while (flock(at->fd(), LOCK_EX) != 0 && errno == EINTR) {
  }
  auto text = at->read(name);
  if (!text && access((at->path() + "/" + name).c_str(), F_OK) != 0) {
    const auto made = make_keys();
    auto line = made ? std::string(made->secret_key.exposed()) + "\n" : std::string();
    auto kept = made ? at->write(name, line) : result<void>();
    text = !made ? result<std::string>(fail(made)) : !kept ? result<std::string>(fail(kept)) : line;
    trust::wipe(line);
  }
  flock(at->fd(), LOCK_UN);
  if (!text) return bad(text.error());
  const trust::shared_secret secret(std::string_view(*text).substr(0, text->find('\n')));
  trust::wipe(*text);
  const auto open = public_key_of(secret);
  if (!open) return fail(wire_error::bad_key, at->path() + "/" + name + ": is no key; remove it");
  return key_pair{*open, secret};
}

}  // namespace hocket::wire
