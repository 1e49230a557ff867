// Checkpoints and training runs: what is there, and what becomes of it.
#include <ctime>

#include <fmt/format.h>

#include "actors/gateway/tinker/page.hpp"
#include "actors/gateway/tinker/service_state.hpp"
#include "actors/governance/process_book.hpp"
#include "actors/gateway/tinker/tar.hpp"
#include "actors/http/digest.hpp"

namespace hocket::tinker {
namespace {

using nlohmann::json;

const http::response no_content{204, "application/json", "", {}};

json to_json(const checkpoint& c) {
  const auto type = c.path.kind == "weights"           ? "training"
                    : c.path.kind == "sampler_weights" ? "sampler"
                                                       : "external";
  json j{{"checkpoint_id", c.path.kind + "/" + c.path.name},
         {"checkpoint_type", type},
         {"time", iso_time(c.time_s)},
         {"tinker_path", c.path.text()},
         {"size_bytes", c.size_bytes},
         {"public", c.is_public},
         {"base_model", c.base_model}};
  if (!c.user_metadata.is_null()) j["user_metadata"] = c.user_metadata;
  if (c.expires_s != 0) j["expires_at"] = iso_time(c.expires_s);
  return j;
}

json to_json(service::state& s, const run_record& r) {
  json j{{"training_run_id", r.id},
         {"base_model", r.base_model},
         {"model_owner", r.owner},
         {"is_lora", true},
         {"corrupted", false},
         {"lora_rank", r.rank},
         {"last_request_time", iso_time(r.time_s)}};
  if (!r.user_metadata.is_null()) j["user_metadata"] = r.user_metadata;
  for (const auto& c : s.store->list(r.owner)) {  // the newest first
    if (c.path.run != r.id) continue;
    const char* key = c.path.kind == "weights"           ? "last_checkpoint"
                      : c.path.kind == "sampler_weights" ? "last_sampler_checkpoint"
                                                         : nullptr;
    if (key && !j.contains(key)) j[key] = to_json(c);
  }
  return j;
}

/// `access_scope=all`: of every owner, for those who may.
result<bool> asks_for_all(const call& c) {
  if (c.request.parameter("access_scope").value_or("") != "all") return false;
  if (!c.who.may(scope::admin))
    return fail("tinker.forbidden", "access_scope=all needs a key with the scope admin");
  return true;
}

result<run_record> own_run(service::state& s, const call& c) {
  const auto run = s.store->find_run(c.parts[1]);
  if (!run || run->owner != c.owner)
    return fail("tinker.not_found", "training run not found: " + c.parts[1]);
  return *run;
}

answered list_of_run(service::state& s, call& c) {
  const auto run = own_run(s, c);
  if (!run) return fail(run);
  json all = json::array();
  for (const auto& k : s.store->list(c.owner))
    if (k.path.run == run->id) all.push_back(to_json(k));
  return json_answer({{"checkpoints", all}});
}

/// Where files of a checkpoint may be fetched for an hour, without a key.
std::string hand_out(service::state& s, const call& c, const checkpoint_path& path,
                     const checkpoint_files& files) {
  const auto token = unguessable("");
  {
    const std::lock_guard lock(s.mutex);
    s.files[token] = {path, clock::now() + std::chrono::hours(1), weights_sha256(files)};
  }
  return fmt::format("{}://{}/files/{}/", c.request.is_tls ? "https" : "http",
                     c.request.header("host").value_or("localhost"), token);
}

answered urls_of(service::state& s, call& c, const checkpoint_path& path,
                 const checkpoint_files& files) {
  const auto base = hand_out(s, c, path, files);
  json urls;
  for (const auto& [name, bytes] : files)
    if (name != "optimizer.safetensors") urls[name] = base + name;
  return json_answer({{"urls", urls},
                      {"expires", iso_time(static_cast<std::int64_t>(std::time(nullptr)) + 3600)}});
}

answered archive_of(service::state& s, call& c, const checkpoint_path& path,
                    const checkpoint_files& files) {
  return json_answer({{"url", hand_out(s, c, path, files) + "archive.tar"},
                      {"expires", iso_time(static_cast<std::int64_t>(std::time(nullptr)) + 3600)}});
}

/// When something ends that lives so long [s since 1970]; 0: never.
result<std::int64_t> read_ttl(const json& body) {
  const auto ttl = body.value("ttl_seconds", json());
  if (ttl.is_null()) return 0;
  if (!ttl.is_number_integer() || ttl.get<std::int64_t>() < 1 ||
      ttl.get<std::int64_t>() > most_ttl_s)
    return fail("tinker.bad_request", "ttl_seconds must be 1 or more, or null");
  return static_cast<std::int64_t>(std::time(nullptr)) + ttl.get<std::int64_t>();
}

answered set_ttl(service::state& s, call& c, const checkpoint_path& path) {
  const auto until = read_ttl(c.body);
  if (!until) return fail(until);
  if (auto done = s.store->set_expiry(path, *until); !done) return fail(done);
  return no_content;
}

/// training_runs/RUN/checkpoints/KIND/NAME[/what]
answered one_checkpoint(service::state& s, call& c) {
  const auto& p = c.parts;
  const auto path = parse_path(fmt::format("tinker://{}/{}/{}", p[1], p[3], p[4]));
  if (!path) return fail(path);
  const auto found = s.store->find(*path);
  const bool owned = found && found->owner == c.owner;
  const auto& method = c.request.method;
  const auto what = p.size() == 6 ? p[5] : "";
  const bool reads = method == "GET";
  // An admin sees that it is there and may delete it; what is in it stays its owner's.
  const bool in_charge =
      found && c.who.may(scope::admin) && what.empty() && (reads || method == "DELETE");
  if (!owned && !in_charge && !(found && found->is_public && reads))
    return fail("tinker.not_found", "checkpoint not found: " + path->text());
  if (what.empty() && reads) return json_answer(to_json(*found));
  if (what.empty() && method == "DELETE") {
    if (auto done = s.store->remove(*path); !done) return fail(done);
    return no_content;
  }
  if (reads && (what == "external_weights_urls" || what == "archive")) {
    const auto files = s.store->read(*path);
    if (!files) return fail(files);
    if (const auto passed = governance::process_book::of_process().pass(
            governance::gate::exported, path->text(), weights_sha256(*files));
        !passed)
      return fail("tinker.forbidden", passed.error().message);
    return what == "archive" ? archive_of(s, c, *path, *files) : urls_of(s, c, *path, *files);
  }
  if (what == "ttl" && method == "PUT") return set_ttl(s, c, *path);
  if (what == "publish" && (method == "POST" || method == "DELETE")) {
    if (auto done = s.store->set_public(*path, method == "POST"); !done) return fail(done);
    return no_content;
  }
  return fail("tinker.not_found", fmt::format("there is no {} {}", method, c.request.path));
}

/// A checkpoint under a run of its own, which nobody trains. Sent again with the same key it is the same copy.
answered copy_weights(service::state& s, call& c) {
  const auto path = text_of(c.body, "source_path");
  if (!path) return fail(path);
  const auto from = readable(s, c.owner, *path);
  if (!from) return fail(from);
  const auto ttl = read_ttl(c.body);
  if (!ttl) return fail(ttl);
  auto copy = *from;
  const auto session = c.body.value("session_id", json());
  if (!session.is_null()) {
    const auto id = text_of(c.body, "session_id");
    if (!id) return fail(id);
    const auto number = whole_of(c.body, "model_seq_id", 0, INT32_MAX);
    if (!number) return fail(number);
    HOCKET_TRY(s.touch(*id, c.owner));
    copy.path.run = fmt::format("{}:train:{}", *id, *number);
  } else {
    const std::string key(c.request.header("x-idempotency-key").value_or(""));
    copy.path.run =
        "copy-" + (key.empty()
                       ? unguessable("")
                       : http::sha256_hex(c.owner + "\n" + key + "\n" + *path).substr(0, 32));
  }
  if (s.training.find(copy.path.run, c.owner))
    return fail("tinker.bad_request", copy.path.run + " is a model in training");
  const auto answer = json_answer({{"tinker_path", copy.path.text()}});
  if (s.store->find(copy.path)) return answer;  // sent again
  const auto files = s.store->read(from->path);
  if (!files) return fail(files);
  auto& book = governance::process_book::of_process();
  if (const auto passed = book.pass(governance::gate::load, *path, weights_sha256(*files)); !passed)
    return fail("tinker.forbidden", passed.error().message);
  const bool is_new = !s.store->find_run(copy.path.run);
  auto run = s.store->find_run(from->path.run).value_or(run_record{});
  run.id = copy.path.run, run.owner = c.owner, run.base_model = from->base_model;
  run.rank = from->rank, run.time_s = static_cast<std::int64_t>(std::time(nullptr));
  copy.owner = c.owner, copy.is_public = false, copy.expires_s = *ttl;
  if (copy.card.is_object()) copy.card["name"] = copy.path.text(), copy.card["parent"] = *path;
  HOCKET_TRY(s.store->put(run));
  if (auto kept = s.store->put(copy, *files, false, most_bytes(c.who)); !kept) {
    if (is_new) s.store->remove_empty_run(run.id);
    return fail(kept);
  }
  if (copy.card.is_object() && !book.add_card(copy.card, c.owner)) s.lacks_cards = true;
  return answer;
}

answered weights_info(service::state& s, call& c) {
  const auto path = text_of(c.body, "tinker_path");
  if (!path) return fail(path);
  const auto found = readable(s, c.owner, *path);
  if (!found) return fail(found);
  json j{{"base_model", found->base_model},
         {"is_lora", true},
         {"lora_rank", found->rank},
         {"optimizer_config", {{"type", "adamw"}}}};
  if (const auto run = s.store->find_run(found->path.run)) {
    j["train_attn"] = run->attention, j["train_mlp"] = run->feed_forward;
    j["train_unembed"] = run->unembed;
  }
  return json_answer(j);
}

answered list_checkpoints(service::state& s, call& c) {
  const auto all = asks_for_all(c);
  if (!all) return fail(all);
  return json_answer(page_of(c, *all ? s.store->all() : s.store->list(c.owner), "checkpoints",
                             [&](const checkpoint& k) {
                               auto j = to_json(k);
                               if (*all) j["owner"] = k.owner;
                               return j;
                             }));
}

answered list_runs(service::state& s, call& c) {
  const auto all = asks_for_all(c);
  if (!all) return fail(all);
  return json_answer(page_of(c, *all ? s.store->all_runs() : s.store->runs(c.owner),
                             "training_runs", [&](const run_record& r) { return to_json(s, r); }));
}

}  // namespace

std::optional<answered> checkpoint_route(service::state& s, call& c) {
  const auto& p = c.parts;
  const bool get = c.request.method == "GET";
  if (c.request.method == "POST" && p.size() == 1 && p[0] == "weights_info")
    return weights_info(s, c);
  if (c.request.method == "POST" && p.size() == 1 && p[0] == "copy_weights")
    return copy_weights(s, c);
  if (get && p.size() == 1 && p[0] == "checkpoints") return list_checkpoints(s, c);
  if (p.empty() || p[0] != "training_runs") return std::nullopt;
  if (get && p.size() == 1) return list_runs(s, c);
  if (get && p.size() == 2) {
    const auto run = own_run(s, c);
    if (!run) return answered(fail(run));
    return answered(json_answer(to_json(s, *run)));
  }
  if (get && p.size() == 3 && p[2] == "checkpoints") return list_of_run(s, c);
  if (p.size() >= 5 && p.size() <= 6 && p[2] == "checkpoints") return one_checkpoint(s, c);
  return std::nullopt;
}

}  // namespace hocket::tinker
