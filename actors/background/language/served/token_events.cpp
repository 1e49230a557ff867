#include "actors/background/language/served/token_events.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace hocket::background {
namespace {

using nlohmann::json;

tl::unexpected<error> bad(const std::string& what) {
  return fail("language.bad_answer", "the server's answer " + what);
}

const json& part(const json& of, const char* key) {
  static const json nothing;
  const auto at = of.is_object() ? of.find(key) : of.end();
  return of.is_object() && at != of.end() ? *at : nothing;
}

result<std::vector<std::int32_t>> ids_in(const json& list) {
  std::vector<std::int32_t> ids;
  for (const auto& one : list) {
    if (!one.is_number_unsigned() || one.get<std::uint64_t>() > INT32_MAX)
      return bad("holds what is no token");
    ids.push_back(static_cast<std::int32_t>(one.get<std::uint64_t>()));
  }
  return ids;
}

std::string text_of(const json& v) { return v.is_string() ? v.get<std::string>() : std::string(); }

}  // namespace

result<void> token_events::take(std::span<const std::int32_t> fresh) {
  if (static_cast<std::int64_t>(tokens_.size() + fresh.size()) > most_)
    return bad("has more than the " + std::to_string(most_) + " tokens that were asked for");
  tokens_.insert(tokens_.end(), fresh.begin(), fresh.end());
  return {};
}

result<void> token_events::event(std::string_view data) {
  if (data == "[DONE]") return {};
  const auto e = json::parse(data, nullptr, false);
  if (!e.is_object()) return bad("is no JSON object");
  if (const auto& problem = part(e, "error"); !problem.is_null()) {
    given_up_ = true;
    words_ = problem.is_string() ? problem.get<std::string>() : text_of(part(problem, "message"));
    const auto& code = part(problem, "code");
    if (code.is_number_integer()) status_ = code.get<int>();
    return {};
  }
  if (engine_ == served_engine::vllm) {
    const auto& choices = part(e, "choices");
    if (!choices.is_array() || choices.empty()) return {};  // usage comes alone
    const auto& ids = part(choices[0], "token_ids");
    const bool ends = part(choices[0], "finish_reason").is_string();
    if (!ids.is_array() && !(ends && ids.is_null()))
      return bad("has no `token_ids`: the server does not know `return_token_ids`");
    const auto fresh = ids_in(ids.is_array() ? ids : json::array());
    if (!fresh) return fail(fresh);
    HOCKET_TRY(take(*fresh));
    const auto reason = text_of(part(choices[0], "finish_reason"));
    given_up_ = reason == "abort" || reason == "error";
    ended_ = ended_ || (ends && !given_up_);
    return {};
  }
  const auto& meta = part(e, "meta_info");
  const auto& finish = part(meta, "finish_reason");
  if (text_of(part(finish, "type")) == "abort") {
    given_up_ = true;
    words_ = text_of(part(finish, "message"));
    const auto& code = part(finish, "status_code");
    if (code.is_number_integer()) status_ = code.get<int>();
    return {};
  }
  const auto& list = part(e, "output_ids");
  const auto& count = part(meta, "completion_tokens");
  if (!list.is_array() || !count.is_number_unsigned()) return bad("has no `output_ids`");
  const auto ids = ids_in(list);
  if (!ids) return fail(ids);
  const auto all = count.get<std::uint64_t>();
  const auto had = tokens_.size();
  const bool whole =
      all == ids->size() && all >= had && std::equal(tokens_.begin(), tokens_.end(), ids->begin());
  if (!whole && all != had + ids->size())
    return bad("has " + std::to_string(ids->size()) + " `output_ids` and " + std::to_string(all) +
               " `completion_tokens` after " + std::to_string(had));
  HOCKET_TRY(take(whole ? std::span(*ids).subspan(had) : std::span(*ids)));
  ended_ = ended_ || !finish.is_null();
  return {};
}

}  // namespace hocket::background
