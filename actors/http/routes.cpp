#include "actors/http/routes.hpp"

#include <fnmatch.h>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/trust/audit.hpp"

namespace hocket::http {
namespace {

response plain(int status, const std::string& text) {
  return {status, "text/plain; charset=utf-8", text + "\n", {}};
}

bool is_at(const route& row, const std::string& path) {
  if (!row.path.ends_with("/*"))
    return row.path == path || (row.path.find('*') != row.path.npos &&
                                ::fnmatch(row.path.c_str(), path.c_str(), FNM_PATHNAME) == 0);
  return path.starts_with(std::string_view(row.path).substr(0, row.path.size() - 1));
}

template <class T, class U>
bool holds(const std::vector<T>& list, const U& what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

}  // namespace

std::string_view to_string(caller c) {
  switch (c) {
    case caller::stranger: return "a client";
    case caller::neighbour: return "a process of this machine";
    case caller::keyed: return "a client with a key";
  }
  return "somebody";
}

caller caller_of(const request& r) {
  const bool local =
      r.peer == "::1" || r.peer.starts_with("127.") || r.peer.starts_with("::ffff:127.");
  return local ? caller::neighbour : caller::stranger;
}

void note_refused(const request& r, std::string_view why) {
  trust::note_refusal(
      {fmt::format("{} at {}", to_string(caller_of(r)), r.peer), r.method, r.path, why});
}

std::optional<response> route_table::refuses(const request& r, caller who) const {
  std::vector<std::string> methods;
  bool known = false, with_key = false;
  for (const auto& row : rows_) {
    if (!is_at(row, r.path)) continue;
    known = true;
    const bool method = holds(row.methods, r.method);
    if (method && holds(row.who, who)) return std::nullopt;
    if (method) with_key = with_key || holds(row.who, caller::keyed);
    for (const auto& m : row.methods)
      if (!holds(methods, m)) methods.push_back(m);
  }
  if (!known) return plain(404, "there is no such page");
  if (!holds(methods, r.method)) {
    note_refused(r, "not with this method");
    auto out = plain(405, "this page takes " + fmt::format("{}", fmt::join(methods, ", ")));
    out.headers = {{"Allow", fmt::format("{}", fmt::join(methods, ", "))}};
    return out;
  }
  note_refused(r, with_key ? "it takes a key" : "not for it");
  if (with_key) return plain(401, "this page takes a key");
  return plain(403, "this page is for others");
}

}  // namespace hocket::http
