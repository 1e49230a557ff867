// Checkpoints of models in training.
#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "actors/gateway/tinker/service_state.hpp"
#include "actors/governance/card.hpp"
#include "actors/governance/process_book.hpp"
#include "actors/http/age.hpp"
#include "actors/http/digest.hpp"

namespace hocket::tinker {
namespace {

using nlohmann::json;

tl::unexpected<error> bad(const std::string& what) { return fail("tinker.bad_request", what); }

struct save_wish {
  checkpoint_path path;
  std::int64_t ttl_s = 0;
  bool overwrite = false;
  json user_metadata;
};

result<save_wish> read_save(const json& body, const char* kind) {
  save_wish w;
  const auto name = text_of(body, "path");
  if (!name) return fail(name);
  if (!is_name(*name))
    return bad(fmt::format("`{}` is no name of a checkpoint: letters, digits, `.`, `_` and `-`",
                           name->substr(0, 200)));
  w.path = {body.value("model_id", ""), kind, *name};
  const auto ttl = body.value("ttl_seconds", json());
  if (!ttl.is_null() && (!ttl.is_number_integer() || ttl.get<std::int64_t>() < 1 ||
                         ttl.get<std::int64_t>() > most_ttl_s))
    return bad("ttl_seconds must be 1 or more");
  w.ttl_s = ttl.is_null() ? 0 : ttl.get<std::int64_t>();
  w.overwrite = body.value("overwrite", json(false)) == true;
  w.user_metadata = body.value("user_metadata", json());
  return w;
}

/// Of the client's data nothing is known. With a ledger it names its model's sum, or there is none.
result<json> card_of(const training_run& r, const checkpoint& about, const checkpoint_files& files,
                     std::int64_t steps) {
  const auto weights = files.find("adapter_model.safetensors");
  if (weights == files.end()) return json();
  governance::card_facts f;
  f.name = about.path.text(), f.parent = r.loaded;
  f.base_model = r.base ? r.base_name + " (" + r.base->revision + ")" : r.base_name;
  if (r.base) {
    auto sum = r.base->sha256();
    if (!sum && governance::process_book::of_process().follows()) return fail(sum);
    if (sum) f.base_sha256 = std::move(*sum);
  }
  f.adapter_config = files.at("adapter_config.json");
  f.weights_sha256 = http::sha256_hex(weights->second);
  f.weights_bytes = static_cast<std::int64_t>(weights->second.size());
  f.source = "a client of the Tinker API";
  f.recipe = {{"rank", r.rank}, {"steps", steps}};
  return governance::make_card(f);
}

/// For whoever in this process samples from it.
void tell(const service::state& s, const checkpoint& about, const checkpoint_files& files) {
  if (!s.options.on_saved || about.path.kind != "sampler_weights") return;
  const auto& bytes = files.at("adapter_model.safetensors");
  s.options.on_saved(about.owner, about.path.name,
                     {about.path.text(), about.card.dump(),
                      buffer::take(std::vector<char>(bytes.begin(), bytes.end()))});
}

outcome save(service::state& s, training_run& r, const save_wish& w, const checkpoint_files& files,
             std::int64_t steps, const char* type, std::int64_t most_stored) {
  checkpoint about;
  about.path = w.path, about.path.run = r.id;
  about.owner = r.owner, about.base_model = r.base_name, about.rank = r.rank;
  about.user_metadata = w.user_metadata;
  auto card = card_of(r, about, files, steps);
  if (!card) return failed(card.error());
  about.card = std::move(*card);
  if (w.ttl_s > 0) about.expires_s = static_cast<std::int64_t>(std::time(nullptr)) + w.ttl_s;
  if (auto kept = s.store->put(about, files, w.overwrite, most_stored); !kept)
    return failed(kept.error());
  // The card lies beside the weights: what ends the server here leaves it for the next start.
  if (!about.card.is_null())
    if (auto told = governance::process_book::of_process().add_card(about.card, r.owner); !told) {
      s.lacks_cards = true;
      return failed(told.error());
    }
  tell(s, about, files);
  if (w.path.kind != "external_weights") r.saved = about.path.text();  // those may have no card
  json j{{"type", type}, {"path", about.path.text()}};
  std::size_t size = 0;
  for (const auto& [name, bytes] : files) size += bytes.size();
  if (w.path.kind == "external_weights") j["size_bytes"] = size;
  return done(j);
}

answered save_as(service::state& s, call& c, const char* kind, const char* type) {
  const auto wish = read_save(c.body, kind);
  return submit_operation(s, c, [&s, wish, type, most = most_bytes(c.who)](training_run& r) {
    if (!wish) return failed(wish.error());
    auto is = r.trainer->save(wish->path.kind == "weights");
    if (!is) return failed(is.error());
    checkpoint_files parts{{"adapter_config.json", std::move(is->files.config)},
                           {"adapter_model.safetensors", std::move(is->files.weights)}};
    if (wish->path.kind == "weights") parts["optimizer.safetensors"] = std::move(is->optimizer);
    return save(s, r, *wish, parts, is->steps, type, most);
  });
}

result<std::vector<std::string>> read_recipients(const json& body) {
  const auto all = body.value("age_encryption_recipients", json());
  std::vector<std::string> recipients;
  if (all.is_null()) return recipients;
  if (!all.is_array() || all.size() > 10)
    return bad("age_encryption_recipients must be a list of at most 10");
  for (const auto& r : all) {
    if (!r.is_string()) return bad("age_encryption_recipients must hold texts");
    recipients.push_back(r);
  }
  return recipients;
}

/// Files for whoever fetches them, encrypted where there are recipients.
result<checkpoint_files> exported(const lora::adapter_files& files,
                                  const std::vector<std::string>& recipients) {
  const checkpoint_files plain{{"adapter_config.json", files.config},
                               {"adapter_model.safetensors", files.weights},
                               {"checkpoint_complete", ""}};
  if (recipients.empty()) return plain;
  checkpoint_files sealed;
  for (const auto& [name, bytes] : plain) {
    auto encrypted = http::age_encrypt(bytes, recipients);
    if (!encrypted) return fail(encrypted);
    sealed[name + ".age"] = std::move(*encrypted);
  }
  return sealed;
}

answered save_external(service::state& s, call& c) {
  const auto wish = read_save(c.body, "external_weights");
  const auto recipients = read_recipients(c.body);
  return submit_operation(s, c, [&s, wish, recipients, most = most_bytes(c.who)](training_run& r) {
    if (!wish) return failed(wish.error());
    if (!recipients) return failed(recipients.error());
    const auto is = r.trainer->save(false);
    if (!is) return failed(is.error());
    const auto files = exported(is->files, *recipients);
    if (!files) return failed(files.error());
    return save(s, r, *wish, *files, is->steps, "save_weights_external", most);
  });
}

answered save_for_sampler(service::state& s, call& c) {
  const auto path = c.body.value("path", json());
  if (!path.is_null()) return save_as(s, c, "sampler_weights", "save_weights_for_sampler");
  const auto number = whole_of(c.body, "sampling_session_seq_id", 0, INT32_MAX);
  return submit_operation(s, c, [&s, number](training_run& r) {
    if (!number) return failed(number.error());
    sampler_record record;
    record.id = fmt::format("{}:sample:{}", r.session, *number);
    record.owner = r.owner, record.base_name = r.base_name;
    // It has no card of its own: what holds for the checkpoints that it is from holds for it.
    for (const auto& origin : {r.loaded, r.saved}) {
      if (origin.empty()) continue;
      if (const auto passed =
              governance::process_book::of_process().pass(governance::gate::serve, origin);
          !passed)
        return failed(passed.error());
      record.descends.push_back(origin);
    }
    auto now = r.trainer->snapshot();
    if (!now) return failed(now.error());
    record.source = {r.base, std::move(*now)};
    const auto id = record.id;
    const std::lock_guard lock(s.mutex);
    auto& own = s.sessions[r.session].samplers;
    std::erase(own, id);  // made anew under the same number
    own.push_back(id);
    s.samplers[id] = std::move(record);
    bound_samplers(s, own);
    return done({{"type", "save_weights_for_sampler"}, {"sampling_session_id", id}});
  });
}

}  // namespace

result<void> pass_gate(governance::gate g, const checkpoint& from, const checkpoint_files& files,
                       const served_model& base) {
  auto& book = governance::process_book::of_process();
  if (!book.follows()) return {};  // and no model is read for it
  const auto is = base.sha256();
  if (!is) return fail(is);
  const auto said = from.card.is_object() ? from.card.value("base_model", json()) : json();
  const auto sum = said.is_object() ? said.value("sha256", json()) : json();
  return book.pass(g, from.path.text(), weights_sha256(files),
                   {.sha256 = *is, .named = sum.is_string() ? sum.get<std::string>() : ""});
}

void record_missing_cards(service::state& s) {
  auto& book = governance::process_book::of_process();
  const auto known = book.newest_cards();
  if (!known) return;  // tried again
  bool all = true;
  for (const auto& c : s.store->all()) {
    if (!c.card.is_object()) continue;
    const auto found = known->find(c.path.text());
    const bool is_erased = found != known->end() && found->second.empty();  // and stays so
    if (is_erased || (found != known->end() && found->second == c.card["weights"]["sha256"]))
      continue;
    all = book.add_card(c.card, c.owner) && all;
  }
  s.lacks_cards = !all;
}

std::optional<answered> saving_route(service::state& s, call& c) {
  const auto& p = c.parts[0];
  if (p == "save_weights") return save_as(s, c, "weights", "save_weights");
  if (p == "save_weights_external") return save_external(s, c);
  if (p == "save_weights_for_sampler") return save_for_sampler(s, c);
  return std::nullopt;
}

}  // namespace hocket::tinker
