#include <algorithm>

#include <fmt/format.h>

#include "actors/http/escape.hpp"
#include "actors/openapi/document.hpp"

namespace hocket::openapi {
namespace {

using http::percent_escaped;

std::string plain_text(const json& v) {
  return v.is_string() ? v.get<std::string>()
                       : v.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string list_text(const json& v) {
  std::string out;
  for (const auto& i : v) out += (out.empty() ? "" : ",") + percent_escaped(plain_text(i));
  return out;
}

tl::unexpected<error> bad(const std::string& name, const char* why) {
  return fail("openapi.bad_arguments", fmt::format("`{}` {}", name, why));
}

}  // namespace

result<request> request_of(const operation& o, const json& arguments) {
  request out;
  out.target = o.path;
  std::string query;
  const auto add = [&](const std::string& name, const std::string& value) {
    query += (query.empty() ? "?" : "&") + percent_escaped(name) + "=" + value;
  };
  for (const auto& p : o.parameters) {
    const auto it = arguments.find(p.name);
    if (it == arguments.end() || (it->is_null() && p.where != parameter::place::path)) continue;
    const bool nested = it->is_object() ||
                        (it->is_array() && std::any_of(it->begin(), it->end(), [](const json& i) {
                           return i.is_structured();
                         }));
    if (nested) return bad(p.name, "has more levels than an address can say");
    const auto text = it->is_array() ? list_text(*it) : percent_escaped(plain_text(*it));
    switch (p.where) {
      case parameter::place::path: {
        // `.` and `..` are steps through folders, however they are escaped.
        if (text.empty() || text == "." || text == "..") return bad(p.name, "is no part of a path");
        const auto hole = "{" + p.name + "}";
        for (std::size_t at = 0; (at = out.target.find(hole, at)) != out.target.npos;
             at += text.size())
          out.target.replace(at, hole.size(), text);
        break;
      }
      case parameter::place::query:
        if (it->is_array() && p.exploded)
          for (const auto& i : *it) add(p.name, percent_escaped(plain_text(i)));
        else
          add(p.name, text);
        break;
      case parameter::place::header: {
        auto value = plain_text(*it);
        if (std::any_of(value.begin(), value.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
          return bad(p.name, "has characters that no header may have");
        out.headers.emplace_back(p.name, std::move(value));
        break;
      }
    }
  }
  out.target += query;
  if (o.has_body)
    if (const auto body = arguments.find("body"); body != arguments.end()) {
      out.headers.emplace_back("Content-Type", "application/json");
      out.body = body->dump(-1, ' ', false, json::error_handler_t::replace);
    }
  return out;
}

}  // namespace hocket::openapi
