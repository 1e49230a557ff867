// Samplers.
#include <algorithm>

#include <fmt/format.h>

#include "actors/gateway/tinker/service_state.hpp"
#include "actors/gateway/tinker/wire/messages.hpp"
#include "actors/governance/process_book.hpp"

namespace hocket::tinker {

using nlohmann::json;

result<checkpoint> readable(service::state& s, const std::string& owner, const std::string& path) {
  const auto p = parse_path(path);
  if (!p) return fail(p);
  const auto found = s.store->find(*p);
  if (!found || (found->owner != owner && !found->is_public))
    return fail("tinker.not_found", "checkpoint not found: " + path);
  if (governance::process_book::of_process().is_frozen(path))
    return fail("tinker.forbidden", path + " is frozen by an incident");
  return *found;
}

result<sampling_source> open_source(service::state& s, const std::string& owner,
                                    const std::string& base_model, const std::string& path,
                                    std::string& base_name) {
  if (path.empty()) {
    auto base = s.find_model(base_model);
    if (!base)
      return fail("tinker.not_found", fmt::format("unknown model `{}`; this server has {}",
                                                  base_model, s.model_names()));
    base_name = base_model;
    return sampling_source{std::move(base), nullptr};
  }
  const auto from = readable(s, owner, path);
  if (!from) return fail(from);
  if (from->path.kind != "sampler_weights")
    return fail("tinker.bad_request",
                fmt::format("{} is a checkpoint of training: save one to sample from with "
                            "save_weights_for_sampler (tinker://RUN/sampler_weights/NAME)",
                            path));
  const auto files = s.store->read(from->path);
  if (!files) return fail(files);
  auto base = s.find_model(from->base_model);
  if (!base)
    return fail("tinker.bad_request", fmt::format("{} is of {}, which this server does not have",
                                                  path, from->base_model));
  if (const auto passed = pass_gate(governance::gate::serve, *from, *files, *base); !passed)
    return fail("tinker.forbidden", passed.error().message);
  auto adapter = s.sampling->adapter(
      *base, {files->at("adapter_config.json"), files->at("adapter_model.safetensors")});
  if (!adapter) return fail(adapter);
  base_name = from->base_model;
  return sampling_source{std::move(base), std::move(*adapter), weights_sha256(*files)};
}

void bound_samplers(service::state& s, std::vector<std::string>& own) {
  constexpr std::size_t most_held = 64, most_known = 4'096;
  std::size_t unnamed = 0, named = 0;
  std::vector<std::string> gone;
  for (auto id = own.rbegin(); id != own.rend(); ++id) {  // the newest first
    const auto found = s.samplers.find(*id);
    if (found == s.samplers.end()) continue;
    auto& r = found->second;
    if (!r.source.adapter) continue;
    if (r.path.empty() && ++unnamed > most_held) gone.push_back(*id);
    if (!r.path.empty() && ++named > most_held) r.source.adapter = nullptr, r.is_closed = true;
  }
  for (std::size_t i = 0; own.size() - gone.size() > most_known && i < own.size(); ++i)
    if (std::find(gone.begin(), gone.end(), own[i]) == gone.end()) gone.push_back(own[i]);
  for (const auto& id : gone) {
    s.samplers.erase(id);
    own.erase(std::find(own.begin(), own.end(), id));
  }
}

namespace {

answered create_sampler(service::state& s, call& c) {
  const auto session = text_of(c.body, "session_id");
  if (!session) return fail(session);
  const auto number = c.body.value("sampling_session_seq_id", json());
  if (!number.is_number_integer() || number.get<std::int64_t>() < 0)
    return fail("tinker.bad_request", "sampling_session_seq_id must be 0 or more");
  HOCKET_TRY(s.touch(*session, c.owner));
  sampler_record r;
  r.id = fmt::format("{}:sample:{}", *session, number.get<std::int64_t>());
  const auto answer =
      json_answer({{"type", "create_sampling_session"}, {"sampling_session_id", r.id}});
  {
    const std::lock_guard lock(s.mutex);
    if (s.samplers.contains(r.id)) return answer;  // sent again
  }
  const auto text = [&](const char* key) {
    const auto v = c.body.value(key, json());
    return v.is_string() ? v.get<std::string>() : std::string();
  };
  r.owner = c.owner, r.path = text("model_path");
  if (r.path.empty() && text("base_model").empty())
    return fail("tinker.bad_request", "base_model or model_path is required");
  auto source = open_source(s, c.owner, text("base_model"), r.path, r.base_name);
  if (!source) return fail(source);
  r.source = std::move(*source);
  const std::lock_guard lock(s.mutex);
  auto& own = s.sessions[*session].samplers;
  if (s.samplers.contains(r.id)) return answer;
  own.push_back(r.id);
  s.samplers[r.id] = std::move(r);
  bound_samplers(s, own);
  return answer;
}

/// The sampler that a request names, with what was asked of it before.
result<sampling_source> source_of(service::state& s, const std::string& owner,
                                  const sample_request& ask) {
  if (ask.session_id.empty()) {
    std::string base;
    return open_source(s, owner, ask.base_model, ask.model_path, base);
  }
  std::unique_lock lock(s.mutex);
  const auto found = s.samplers.find(ask.session_id);
  if (found == s.samplers.end() || found->second.owner != owner)
    return fail("tinker.not_found", "no sampling session `" + ask.session_id + "` is open here");
  auto origins = found->second.descends;
  origins.push_back(found->second.path);
  for (const auto& path : origins)
    if (!path.empty() && governance::process_book::of_process().is_frozen(path))
      return fail("tinker.forbidden", path + " is frozen by an incident");
  // The session lists its samplers in the order of their last use.
  const auto session = s.sessions.find(ask.session_id.substr(0, ask.session_id.find(':')));
  if (session != s.sessions.end()) {
    auto& own = session->second.samplers;
    if (const auto at = std::find(own.begin(), own.end(), ask.session_id); at != own.end())
      std::rotate(at, at + 1, own.end());
  }
  if (!found->second.is_closed) return found->second.source;
  const auto path = found->second.path, sha256 = found->second.source.weights_sha256;
  lock.unlock();
  std::string base;
  auto opened = open_source(s, owner, "", path, base);
  if (!opened) return opened;
  if (opened->weights_sha256 != sha256)
    return fail("tinker.gone",
                path + " was overwritten since this sampler was made: make a new one");
  lock.lock();
  if (const auto still = s.samplers.find(ask.session_id); still != s.samplers.end()) {
    still->second.source = *opened, still->second.is_closed = false;
    if (const auto own = s.sessions.find(ask.session_id.substr(0, ask.session_id.find(':')));
        own != s.sessions.end())
      bound_samplers(s, own->second.samplers);
  }
  return opened;
}

/// A clone of a sampling client numbers its requests from so much times its own number on.
constexpr std::int64_t clone_numbers = 1'000'000'000;

std::string topic_of(const std::string& session, std::int64_t clone) {
  return fmt::format("{} {}", session, clone);
}

/// The sampler of this owner. *Errors*: tinker.bad_request, tinker.not_found.
result<std::string> own_sampler(service::state& s, const call& c, const json& body) {
  const auto id = text_of(body, "sampling_session_id");
  if (!id) return id;
  const std::lock_guard lock(s.mutex);
  const auto found = s.samplers.find(*id);
  if (found == s.samplers.end() || found->second.owner != c.owner)
    return fail("tinker.not_found", "no sampling session `" + *id + "` is open here");
  return id;
}

/// The number of a further client of the same sampler; the first is 0.
answered join(service::state& s, call& c) {
  const auto id = own_sampler(s, c, c.body);
  if (!id) return fail(id);
  const std::lock_guard lock(s.mutex);
  const auto found = s.samplers.find(*id);
  if (found == s.samplers.end()) return fail("tinker.not_found", "no such sampler");
  return json_answer(
      {{"type", "join_sampling_session"}, {"client_counter", ++found->second.clones}});
}

/// Which requests of a sampler have ended: one poll for all of them.
answered retrieve_many(service::state& s, call& c) {
  const auto target = c.body.value("target", json());
  if (!target.is_object() || target.value("type", json("sampling_session")) != "sampling_session")
    return fail("tinker.bad_request", "target must be a sampling_session");
  const auto id = own_sampler(s, c, target);
  if (!id) return fail(id);
  const auto whole = [](const json& from, const char* key) {
    return from.contains(key) ? whole_of(from, key, 0, INT64_MAX) : result<std::int64_t>(0);
  };
  const auto clone = whole(target, "cloned_sampler_id"), cursor = whole(c.body, "prev_cursor");
  if (!clone) return fail(clone);
  if (!cursor) return fail(cursor);
  std::vector<std::string> retrieved;
  for (const auto& each : c.body.value("retrieved_request_ids", json::array()))
    if (each.is_string()) retrieved.push_back(each);
  const auto timeout = c.body.value("timeout", json());
  const bool waits = !timeout.is_number() || timeout.get<double>() > 0;
  s.futures.poll_topic(topic_of(*id, *clone), c.owner, *cursor, waits, retrieved, c.reply);
  return std::optional<http::response>();
}

http::response sampled(const std::string& request, const std::vector<std::string>& ids) {
  return json_answer({{"request_id", request}, {"sample_sequence_ids", ids}});
}

}  // namespace

std::int64_t tokens_of(const sample_request& ask, const served_model& base) {
  const auto prompt = static_cast<std::int64_t>(ask.prompt.size());
  const auto room = std::max<std::int64_t>(0, base.context() - prompt);
  return prompt + ask.num_samples * std::min(room, ask.max_tokens.value_or(room));
}
std::int64_t tokens_of(const sample_answer& a) {
  std::int64_t n = 0;
  for (const auto& each : a.sequences) n += static_cast<std::int64_t>(each.tokens.size());
  return n;
}

namespace {

answered sample(service::state& s, call& c) {
  auto ask = decode_sample(c.body);
  if (!ask) return fail(ask);
  auto source = source_of(s, c.owner, *ask);
  if (!source) return fail(source);
  sample_job job{c.owner, std::move(*source), std::move(*ask), {}, {}, {}};
  const auto fits = check(job);
  const std::lock_guard lock(s.mutex);
  auto* known = job.ask.session_id.empty() || job.ask.seq_id < 0
                    ? nullptr
                    : &s.samplers[job.ask.session_id].requests;
  if (known)
    if (const auto before = known->find(job.ask.seq_id); before != known->end())
      return sampled(before->second.request, before->second.sequence_ids);
  const auto most = fits ? tokens_of(job.ask, *job.from.base) : 0;
  const auto taken = fits ? s.usage.take(c.who, most, clock::now()) : fits;
  if (fits && !taken && taken.error().code != "tinker.quota") return fail(taken);
  const auto request = s.futures.add(
      c.owner, known ? topic_of(job.ask.session_id, job.ask.seq_id / clone_numbers) : "");
  if (request.empty()) {
    if (taken) s.usage.give_back(c.who, most, clock::now());
    return fail("tinker.busy", too_many_waiting);
  }
  std::vector<std::string> ids;
  for (int i = 0; i < job.ask.num_samples; ++i) ids.push_back(fmt::format("{}:{}", request, i));
  if (known) {
    (*known)[job.ask.seq_id] = {request, ids};
    if (known->size() > 20'000) known->erase(known->begin());
  }
  if (!taken) {
    s.futures.finish(request, failed(taken.error()));
    return sampled(request, ids);
  }
  s.futures.note(request, {true, "it waits for room among the sequences that are sampled at once"});
  job.begins = [&s, request] { s.futures.note(request, {}); };
  job.is_cancelled = [&s, request] { return s.futures.is_cancelled(request); };
  job.done = [&s, request, who = c.who, top = job.ask.topk_sample,
              unused = most -
                       static_cast<std::int64_t>(job.ask.prompt.size())](result<sample_answer> a) {
    s.usage.give_back(who, unused - (a ? tokens_of(*a) : 0), clock::now());
    if (!a) return s.futures.finish(request, failed(a.error()));
    auto o = done(to_json(*a));
    o.proto = encode(*a, top);
    s.futures.finish(request, std::move(o));
  };
  s.sampling->submit(std::move(job));
  return sampled(request, ids);
}

answered show_sampler(service::state& s, call& c) {
  const std::lock_guard lock(s.mutex);
  const auto found = s.samplers.find(c.parts[1]);
  if (found == s.samplers.end() || found->second.owner != c.owner)
    return fail("tinker.not_found", "no such sampler");
  json j{{"sampler_id", found->first}, {"base_model", found->second.base_name}};
  if (!found->second.path.empty()) j["model_path"] = found->second.path;
  return json_answer(j);
}

}  // namespace

std::optional<answered> sampling_route(service::state& s, call& c) {
  const auto& p = c.parts;
  if (c.request.method == "POST" && p.size() == 1) {
    if (p[0] == "create_sampling_session") return create_sampler(s, c);
    if (p[0] == "asample") return sample(s, c);
    if (p[0] == "join_sampling_session") return join(s, c);
    if (p[0] == "retrieve_futures") return retrieve_many(s, c);
  }
  if (c.request.method == "GET" && p.size() == 2 && p[0] == "samplers") return show_sampler(s, c);
  return std::nullopt;
}

}  // namespace hocket::tinker
