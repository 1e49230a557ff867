#include "actors/openapi/document.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "actors/openapi/schemas.hpp"
#include "graph/contract/value.hpp"
#include "graph/payloads/payload_schema.hpp"
#include "graph/spec/yaml.hpp"
#include "graph/text/clean.hpp"

namespace hocket::openapi {
namespace {

constexpr int depth_max = 64;
constexpr std::size_t keys_max = 10'000;  ///< of one object: a look for one goes over all of them
constexpr std::size_t looked_at_max = 2 * operations_max;
constexpr std::size_t left_out_max = 1000;
constexpr std::size_t summary_bytes_max = 300;

/// Nothing: an object has too many keys.
std::optional<json> of_yaml(const value& v) {
  if (const auto* b = v.get_if<bool>()) return *b;
  if (const auto* n = v.get_if<std::int64_t>()) return *n;
  if (const auto* x = v.get_if<double>()) return *x;
  if (const auto* s = v.get_if<std::string>()) return *s;
  if (const auto* l = v.get_if<value::list>()) {
    json out = json::array();
    for (const auto& i : *l) {
      auto one = of_yaml(i);
      if (!one) return {};
      out.push_back(std::move(*one));
    }
    return out;
  }
  if (const auto* m = v.get_if<value::map>()) {
    json out = json::object();
    if (m->size() > keys_max) return {};
    for (const auto& e : *m) {
      auto one = of_yaml(e.item);
      if (!one) return {};
      out.emplace(e.key, std::move(*one));
    }
    return out;
  }
  return json(nullptr);
}

tl::unexpected<error> too_wide() {
  return fail("openapi.bad_document",
              fmt::format("one of its objects has more than {} keys", keys_max));
}

result<json> parse(const std::string& text) {
  if (text.size() > document_bytes_max)
    return fail("openapi.bad_document",
                fmt::format("{} bytes are more than {}", text.size(), document_bytes_max));
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first != text.npos && text[first] == '{') {
    bool deep = false, wide = false;
    std::vector<std::size_t> keys;  // of the objects that are open
    const auto watch = [&](int depth, json::parse_event_t event, json&) {
      if (event == json::parse_event_t::object_start) keys.push_back(0);
      if (event == json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
      if (event == json::parse_event_t::key && !keys.empty())
        wide = ++keys.back() > keys_max || wide;
      deep = deep || depth > depth_max;
      return !deep && !wide;
    };
    auto out = json::parse(text, watch, false);
    if (deep)
      return fail("openapi.bad_document", fmt::format("it is nested deeper than {}", depth_max));
    if (wide) return too_wide();
    if (!out.is_discarded()) return out;
  }
  diagnostics findings;
  const auto tree = spec::parse_yaml("document", text, findings);
  if (!tree || findings.has_errors())
    return fail("openapi.bad_document",
                findings.items().empty()
                    ? "it is neither JSON nor YAML"
                    : clean_text(fmt::format("{}:{}: {}", findings.items()[0].where.line,
                                             findings.items()[0].where.column,
                                             findings.items()[0].message)));
  auto out = of_yaml(*tree);
  if (!out) return too_wide();
  return std::move(*out);
}

std::string word_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (plain)
      out += c;
    else if (!out.empty() && out.back() != '_')
      out += '_';
  }
  while (out.ends_with('_')) out.pop_back();
  return out.substr(0, 60);
}

/// Why an operation cannot be a tool; the reader leaves it out and goes on.
using left_out = std::string;

class reader {
 public:
  explicit reader(const json& root) : root_(root), schemas_(root) {}

  result<document> read() {
    const auto version = text_of(root_, "openapi");
    if (!version.starts_with("3."))
      return fail("openapi.bad_document",
                  "`openapi` does not say 3.0 or 3.1: another format, or an older one");
    if (const auto* info = find(root_, "info")) out_.title = clean_text(text_of(*info, "title"));
    if (const auto* servers = find(root_, "servers"); servers != nullptr && servers->is_array())
      if (!servers->empty()) out_.server = text_of((*servers)[0], "url");
    if (out_.server.find("://") == std::string::npos) out_.server.clear();
    read_keys();
    const auto* paths = find(root_, "paths");
    if (paths == nullptr || !paths->is_object())
      return fail("openapi.bad_document", "it has no `paths`");
    for (const auto& [path, item] : paths->items()) read_path(path, item);
    if (out_.operations.empty())
      return fail("openapi.bad_document", out_.left_out.empty()
                                              ? "it has no operations"
                                              : "no operation can be a tool: " + out_.left_out[0]);
    return std::move(out_);
  }

 private:
  void read_path(const std::string& path, const json& item) {
    for (const char* method : {"get", "put", "post", "delete", "patch", "head"}) {
      const auto* o = find(item, method);
      if (o == nullptr || !o->is_object()) continue;
      operation made;
      ++seen_;
      // Whoever is past these is counted, and not looked at.
      if (seen_ > looked_at_max || out_.operations.size() >= operations_max) {
        leave_out(method, path, fmt::format("more than {} operations", operations_max));
      } else if (const auto why = read_operation(path, method, item, *o, made); !why.empty()) {
        leave_out(method, path, why);
      } else {
        out_.operations.push_back(std::move(made));
      }
    }
  }

  void leave_out(const char* method, const std::string& path, const std::string& why) {
    if (out_.left_out.size() < left_out_max)
      out_.left_out.push_back(
          cut_text(clean_text(fmt::format("{} {}: {}", method, path, why)), 2 * summary_bytes_max));
    else
      ++out_.left_out_untold;
  }

  left_out read_operation(const std::string& path, std::string method, const json& item,
                          const json& o, operation& made) {
    if (!path.starts_with('/')) return "its path does not begin with /";
    made.tool = word_of(text_of(o, "operationId"));
    if (made.tool.empty()) made.tool = word_of(method + path);
    if (made.tool.empty() || !names_.insert(made.tool).second)
      return "its name is empty, or another one's";
    for (char& c : method) c = static_cast<char>(c - 32);
    made.method = method;
    made.path = path;
    auto said = text_of(o, "summary");
    if (said.empty()) said = text_of(o, "description");
    if (said.empty()) said = made.method + " " + path;
    made.summary = cut_text(clean_text(said.substr(0, said.find('\n'))), summary_bytes_max);
    made.key = key_of(o);
    properties_ = json::object();
    required_ = json::array();
    schemas_.begin();
    for (const auto* list : {find(item, "parameters"), find(o, "parameters")})
      if (list != nullptr && list->is_array())
        for (const auto& p : *list)
          if (const auto why = read_parameter(p, made); !why.empty()) return why;
    if (const auto why = read_body(o, made); !why.empty()) return why;
    if (const auto why = check_path(made); !why.empty()) return why;
    return finish(made);
  }

  left_out read_parameter(const json& said, operation& made) {
    const auto* p = schemas_.followed(said);
    if (p == nullptr) return "a parameter that leads nowhere";
    parameter one;
    one.name = text_of(*p, "name");
    const auto in = text_of(*p, "in");
    const auto* needed = find(*p, "required");
    const bool required = needed != nullptr && needed->is_boolean() && needed->get<bool>();
    if (in == "cookie") return required ? "it needs a cookie" : left_out();
    if (in != "path" && in != "query" && in != "header") return "a parameter in no known place";
    one.where = in == "path"    ? parameter::place::path
                : in == "query" ? parameter::place::query
                                : parameter::place::header;
    // These are the transport's, whatever a document says.
    if (one.where == parameter::place::header && !is_own_header(one.name)) return left_out();
    if (one.name.empty() || one.name == "body") return "a parameter without a name of its own";
    if (const auto* e = find(*p, "explode"); e != nullptr && e->is_boolean())
      one.exploded = e->get<bool>();
    const auto* schema = find(*p, "schema");
    if (schema == nullptr) return fmt::format("parameter `{}` has no schema", one.name);
    auto taken = schemas_.copied(*schema);
    if (!taken)
      return fmt::format("parameter `{}` leads nowhere, or is too deep or too long", one.name);
    if (taken->is_object() && text_of(*taken, "type") == "object")
      return fmt::format("parameter `{}` is an object", one.name);
    if (taken->is_object() && !taken->contains("description"))
      if (const auto doc = text_of(*p, "description"); !doc.empty())
        (*taken)["description"] = cut_text(clean_text(doc), summary_bytes_max);
    properties_[one.name] = std::move(*taken);
    if (required || one.where == parameter::place::path) required_.push_back(one.name);
    // An operation's own parameter stands for the path's.
    std::erase_if(made.parameters,
                  [&](const auto& q) { return q.name == one.name && q.where == one.where; });
    made.parameters.push_back(std::move(one));
    return {};
  }

  static bool is_own_header(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    static const std::set<std::string> transports = {
        "accept", "authorization", "connection", "content-length", "content-type",      "cookie",
        "expect", "host",          "te",         "trailer",        "transfer-encoding", "upgrade"};
    const bool token = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    return token && !transports.contains(name) && !name.starts_with("proxy-");
  }

  left_out read_body(const json& o, operation& made) {
    const auto* said = find(o, "requestBody");
    if (said == nullptr) return {};
    const auto* body = schemas_.followed(*said);
    const auto* content = body == nullptr ? nullptr : find(*body, "content");
    if (content == nullptr) return "a body that leads nowhere";
    const auto* needed = find(*body, "required");
    const bool required = needed != nullptr && needed->is_boolean() && needed->get<bool>();
    const json* as_json = nullptr;
    if (content->is_object())
      for (const auto& [type, media] : content->items())
        if (type.starts_with("application/json") || type.ends_with("+json")) as_json = &media;
    if (as_json == nullptr) return required ? "its body is not JSON" : left_out();
    const auto* schema = find(*as_json, "schema");
    auto taken = schema == nullptr ? std::optional<json>(json::object()) : schemas_.copied(*schema);
    if (!taken) return "its body's schema leads nowhere, or is too deep or too long";
    properties_["body"] = std::move(*taken);
    if (required) required_.push_back("body");
    made.has_body = true;
    return {};
  }

  /// Each `{name}` of the path is a parameter, and the other way round.
  static left_out check_path(const operation& o) {
    std::set<std::string> named, given;
    for (std::size_t at = 0; (at = o.path.find('{', at)) != o.path.npos; ++at) {
      const auto end = o.path.find('}', at);
      if (end == o.path.npos) return "its path has a { without }";
      named.insert(o.path.substr(at + 1, end - at - 1));
    }
    for (const auto& p : o.parameters)
      if (p.where == parameter::place::path) given.insert(p.name);
    return named == given ? "" : "its path and its parameters differ";
  }

  left_out finish(operation& made) {
    const auto defs = schemas_.definitions();
    if (!defs) return "what its schemas refer to leads nowhere, or is too much";
    json all = {{"type", "object"}, {"properties", properties_}, {"additionalProperties", false}};
    std::sort(required_.begin(), required_.end());
    required_.erase(std::unique(required_.begin(), required_.end()), required_.end());
    if (!required_.empty()) all["required"] = required_;
    if (!defs->empty()) all["$defs"] = *defs;
    made.arguments_schema = all.dump(-1, ' ', false, json::error_handler_t::replace);
    if (made.arguments_schema.size() > schema_bytes_max)
      return fmt::format("its arguments' schema of {} bytes is longer than {}",
                         made.arguments_schema.size(), schema_bytes_max);
    const auto judged = payloads::json_schema("arguments", made.arguments_schema);
    return judged ? "" : "its arguments: " + judged.error().message;
  }

  void read_keys() {
    const auto* parts = find(root_, "components");
    const auto* schemes = parts == nullptr ? nullptr : find(*parts, "securitySchemes");
    if (schemes != nullptr && schemes->is_object())
      for (const auto& [name, said] : schemes->items())
        if (const auto* s = schemas_.followed(said); s != nullptr)
          if (auto use = use_of(*s)) keys_.emplace(name, std::move(*use));
    out_.names_no_key = keys_.empty();
  }

  static std::optional<key_use> use_of(const json& s) {
    const auto type = text_of(s, "type"), scheme = text_of(s, "scheme"), in = text_of(s, "in");
    const auto name = text_of(s, "name");
    if (type == "http" && scheme == "bearer") return key_use{key_use::kind::bearer, ""};
    if (type == "http" && scheme == "basic") return key_use{key_use::kind::basic, ""};
    if (type != "apiKey" || name.empty()) return {};
    if (in == "query") return key_use{key_use::kind::query, name};
    if (in == "header" && (name == "Authorization" || is_own_header(name)))
      return key_use{key_use::kind::header, name};
    return {};
  }

  /// How an operation takes the key: by the first of its alternatives that one key satisfies.
  std::optional<key_use> key_of(const json& o) const {
    const auto* said = find(o, "security");
    if (said == nullptr) said = find(root_, "security");
    const bool is_list = said != nullptr && said->is_array();
    // A document that names no way is followed by the usual one, but to what it says is open.
    if (keys_.empty())
      return is_list && said->empty() ? std::nullopt : std::optional<key_use>(key_use{});
    if (!is_list) return {};
    std::optional<key_use> also;  // of an alternative that wants something beside it
    for (const auto& s : *said) {
      if (!s.is_object()) continue;
      for (const auto& [name, scopes] : s.items()) {
        const auto it = keys_.find(name);
        if (it == keys_.end()) continue;
        if (s.size() == 1) return it->second;
        if (!also) also = it->second;
      }
    }
    return also;
  }

  const json& root_;
  document out_;
  schema_copier schemas_;
  std::map<std::string, key_use> keys_;  ///< by the name of the scheme
  std::set<std::string> names_;
  std::size_t seen_ = 0;
  json properties_, required_;
};

}  // namespace

result<document> read_document(const std::string& text) {
  const auto root = parse(text);
  if (!root) return fail(root);
  return reader(*root).read();
}

}  // namespace hocket::openapi
