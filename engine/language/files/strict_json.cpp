#include "engine/language/files/strict_json.hpp"

#include <set>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/language/files/mapped_file.hpp"

namespace hocket::language {
namespace {

constexpr std::size_t depth_limit = 64;

/// Sees every event first: stops at duplicates and depth, passes the rest on to the builder.
template <class Json>
class strict_builder : public nlohmann::detail::json_sax_dom_parser<Json> {
  using base = nlohmann::detail::json_sax_dom_parser<Json>;

 public:
  explicit strict_builder(Json& to) : base(to, false) {}

  bool start_object(std::size_t count) {
    keys_.emplace_back();
    return deeper() && base::start_object(count);
  }
  bool key(std::string& name) {
    if (!keys_.back().insert(name).second) return stop("the key `" + name + "` is there twice");
    return base::key(name);
  }
  bool end_object() {
    keys_.pop_back();
    --depth_;
    return base::end_object();
  }
  bool start_array(std::size_t count) { return deeper() && base::start_array(count); }
  bool end_array() {
    --depth_;
    return base::end_array();
  }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) {
    return stop("no valid JSON at byte " + std::to_string(at));
  }

  std::string why;

 private:
  bool deeper() {
    return ++depth_ <= depth_limit ||
           stop("nested over " + std::to_string(depth_limit) + " levels");
  }
  bool stop(std::string reason) {
    if (why.empty()) why = std::move(reason);
    return false;
  }
  std::vector<std::set<std::string>> keys_;
  std::size_t depth_ = 0;
};

template <class Json>
result<Json> parse(std::string_view text, const std::string& name) {
  Json value;
  strict_builder<Json> builder(value);
  if (!Json::sax_parse(text.begin(), text.end(), &builder))
    return fail("model_file.bad_json", name + ": " + builder.why);
  return value;
}

}  // namespace

result<nlohmann::json> strict_json(std::string_view text, const std::string& name) {
  return parse<nlohmann::json>(text, name);
}

result<nlohmann::ordered_json> strict_ordered_json(std::string_view text, const std::string& name) {
  return parse<nlohmann::ordered_json>(text, name);
}

std::string plain_json(std::string_view text) {
  std::string out;
  bool within = false;  // a string
  for (std::size_t i = 0; i < text.size();) {
    const auto rest = text.substr(i);
    std::size_t taken = 0;
    for (const std::string_view number : {"Infinity", "-Infinity", "NaN"})
      if (!within && rest.starts_with(number)) taken = number.size();
    if (taken > 0) {
      (out += '"').append(rest.substr(0, taken)) += '"';
      i += taken;
      continue;
    }
    if (within && text[i] == '\\' && i + 1 < text.size())
      out += text[i++];
    else if (text[i] == '"')
      within = !within;
    out += text[i++];
  }
  return out;
}

result<nlohmann::json> load_json(const std::string& path, std::size_t limit_bytes) {
  const auto text = read_text(path, limit_bytes);
  if (!text) return fail(text);
  return strict_json(*text, path);
}

}  // namespace hocket::language
