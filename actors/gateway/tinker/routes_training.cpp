// Models in training.
#include <algorithm>
#include <ctime>
#include <functional>

#include <fmt/format.h>

#include "actors/gateway/tinker/service_state.hpp"
#include "actors/gateway/tinker/wire/messages.hpp"
#include "actors/governance/process_book.hpp"

namespace hocket::tinker {

using nlohmann::json;

result<std::int64_t> whole_of(const json& body, const char* key, std::int64_t low,
                              std::int64_t high) {
  const auto v = body.is_object() ? body.value(key, json()) : json();
  if (!v.is_number_integer() || v.get<std::int64_t>() < low || v.get<std::int64_t>() > high)
    return fail("tinker.bad_request", fmt::format("{} must be {} to {}", key, low, high));
  return v.get<std::int64_t>();
}

namespace {

constexpr const char* lost_model =
    "the host that trains was started again, or was out of reach for too long, and what this model "
    "had learned since its last save is gone: load a checkpoint of it (load_state), or make a new "
    "model";

std::optional<outcome> without_trainer(const training_run& run) {
  if (run.trainer && !run.trainer->is_lost()) return std::nullopt;
  if (run.trainer) return failed(lost_model);
  return failed(run.problem.empty() ? "the model is not there any more" : run.problem);
}

template <class Work>
answered submit_to(service::state& s, call& c, Work work) {
  const auto model = text_of(c.body, "model_id");
  if (!model) return fail(model);
  const auto number = whole_of(c.body, "seq_id", 1, INT64_MAX);
  if (!number) return fail(number);
  const auto request = s.training.submit(*model, c.owner, *number, std::move(work));
  if (!request) return fail(request);
  return submitted(*request, *model);
}

}  // namespace

/// What every operation of a model needs; its own part runs when its turn comes.
answered submit_operation(service::state& s, call& c, training_hall::operation what) {
  return submit_to(s, c, training_hall::operation([what](training_run& run) {
                     if (auto no = without_trainer(run)) return std::move(*no);
                     return what(run);
                   }));
}

namespace {

constexpr std::size_t most_unpacked = 256u << 20;

tl::unexpected<error> bad(const std::string& what) { return fail("tinker.bad_request", what); }

// ---- making a model

result<void> check_optimizer(const json& body) {
  const auto o = body.value("optimizer_config", json());
  if (o.is_null()) return {};
  const auto type = o.is_object() ? o.value("type", json()) : json();
  if (type != "adamw")
    return bad("optimizer_config: " + (type.is_string() ? type.get<std::string>() : type.dump()) +
               " is not offered; adamw is");
  return {};
}

struct model_wish {
  std::uint64_t seed = 0;
  double alpha = 32;
};

result<model_wish> read_wish(const service::state& s, const json& body, training_run& run) {
  const auto base = text_of(body, "base_model");
  if (!base) return fail(base);
  run.base = s.find_model(*base), run.base_name = *base;
  if (!run.base)
    return bad(fmt::format("unknown base_model `{}`; this server has {}", *base, s.model_names()));
  const auto l = body.value("lora_config", json::object());
  if (!l.is_object()) return bad("lora_config must be an object");
  const auto rank = l.value("rank", json());
  if (!rank.is_number_integer() || rank.get<std::int64_t>() < 1)
    return bad("lora_config.rank must be positive");
  if (rank.get<std::int64_t>() > 1024) return bad("lora_config.rank must be at most 1024");
  run.rank = rank;
  for (const auto& [key, part] : {std::pair{"train_attn", &run.parts.attention},
                                  {"train_mlp", &run.parts.feed_forward},
                                  {"train_unembed", &run.parts.unembed}}) {
    const auto v = l.value(key, json(true));
    if (!v.is_boolean()) return bad(std::string("lora_config.") + key + " must be true or false");
    *part = v;
  }
  if (!run.parts.attention && !run.parts.feed_forward && !run.parts.unembed)
    return bad("At least one of train_unembed, train_mlp, or train_attn must be True");
  model_wish w{0, s.options.alpha};
  const auto seed = l.value("seed", json()), alpha = l.value("alpha", json());
  if (!seed.is_null() && !seed.is_number_integer()) return bad("lora_config.seed must be a number");
  w.seed = seed.is_null() ? std::hash<std::string>()(unguessable("")) : seed.get<std::uint64_t>();
  if (!alpha.is_null()) {
    if (!alpha.is_number() || !(alpha.get<double>() > 0))
      return bad("lora_config.alpha must be positive");
    w.alpha = alpha;
  }
  HOCKET_TRY(check_optimizer(body));
  return w;
}

/// The run's name, which the client makes up in the same way.
result<training_run> new_run(service::state& s, call& c) {
  const auto session = text_of(c.body, "session_id");
  if (!session) return fail(session);
  const auto number = whole_of(c.body, "model_seq_id", 0, INT32_MAX);
  if (!number) return fail(number);
  HOCKET_TRY(s.touch(*session, c.owner));
  training_run run;
  run.id = fmt::format("{}:train:{}", *session, *number);
  run.owner = c.owner, run.session = *session;
  return run;
}

answered start_run(service::state& s, call& c, training_run run, training_hall::operation make) {
  const auto id = run.id, session = run.session;
  const auto most = static_cast<std::size_t>(c.who.most.models);
  if (!s.training.find(id, c.owner) && s.training.loaded(c.owner) >= most)
    return refused_in_band(
        s, c,
        {"tinker.quota",
         fmt::format("QuotaExceeded: this key may have {} models at once: unload one, or finish "
                     "the session of one",
                     most)},
        id);
  const run_record record{run.id,
                          run.owner,
                          run.base_name,
                          run.rank,
                          run.parts.attention,
                          run.parts.feed_forward,
                          run.parts.unembed,
                          static_cast<std::int64_t>(std::time(nullptr)),
                          c.body.value("user_metadata", json())};
  const auto request = s.training.start(std::move(run), [&s, make, record](training_run& r) {
    if (auto kept = s.store->put(record); !kept) {
      r.problem = kept.error().message;
      return failed(kept.error());
    }
    auto o = make(r);
    if (!r.trainer) r.problem = "the model was not made";
    return o;
  });
  if (!request) return fail(request);
  const std::lock_guard lock(s.mutex);
  auto& runs = s.sessions[session].runs;
  if (std::find(runs.begin(), runs.end(), id) == runs.end()) runs.push_back(id);
  return submitted(*request, id);
}

answered create_model(service::state& s, call& c) {
  auto run = new_run(s, c);
  if (!run) return fail(run);
  const auto wish = read_wish(s, c.body, *run);
  if (!wish) return fail(wish);
  return start_run(s, c, std::move(*run), [&s, wish = *wish](training_run& r) {
    auto t = s.trains->create(r.base, {r.base_name, r.parts, r.rank, wish.alpha, wish.seed});
    if (!t) return failed(t.error());
    r.trainer = std::move(*t);
    return done({{"type", "create_model"}, {"model_id", r.id}});
  });
}

// ---- loading

outcome load(service::state& s, training_run& r, const checkpoint& from, bool optimizer) {
  const auto name = from.path.text();
  auto& book = governance::process_book::of_process();
  // Its turn may have come long after it was asked for.
  if (book.is_frozen(name)) return failed(name + " is frozen by an incident");
  const auto files = s.store->read(from.path);
  if (!files) return failed(files.error());
  if (const auto passed = pass_gate(governance::gate::load, from, *files, *r.base); !passed)
    return failed(passed.error());
  const auto part = [&](const char* name) {
    const auto found = files->find(name);
    return found == files->end() ? std::string() : found->second;
  };
  const auto moments = part("optimizer.safetensors");
  if (optimizer && moments.empty())
    return failed(from.path.text() + " holds no optimizer state: load it without");
  auto t = s.trains->open(r.base, {part("adapter_config.json"), part("adapter_model.safetensors")},
                          optimizer ? &moments : nullptr);
  if (!t) return failed(t.error());
  r.trainer = std::move(*t);
  r.problem.clear();
  r.loaded = name, r.saved.clear();
  return done({{"type", "load_weights"}, {"path", name}, {"model_id", r.id}});
}

answered load_weights(service::state& s, call& c) {
  const auto path = text_of(c.body, "path");
  if (!path) return fail(path);
  const auto optimizer = c.body.value("optimizer", json(false));
  if (!optimizer.is_boolean()) return bad("optimizer must be true or false");
  const auto from = readable(s, c.owner, *path);
  const auto operation = [&s, from, optimizer](training_run& r) {
    if (!from) return failed(from.error());
    if (!r.base->has_name(from->base_model))
      return failed(fmt::format("{} is of {}, and this model is {}", from->path.text(),
                                from->base_model, r.base_name));
    if (from->rank != r.rank)
      return failed(fmt::format("{} has rank {}, and this model has {}", from->path.text(),
                                from->rank, r.rank));
    return load(s, r, *from, optimizer == true);
  };
  if (!c.body.contains("model_seq_id") || c.body["model_seq_id"].is_null())
    return submit_to(s, c, training_hall::operation([operation](training_run& r) {
                       const bool is_lost = r.trainer && r.trainer->is_lost();
                       if (auto no = without_trainer(r); no && !is_lost) return std::move(*no);
                       return operation(r);  // also brings back what was lost with its host
                     }));
  if (!from) return fail(from);
  auto run = new_run(s, c);
  if (!run) return fail(run);
  HOCKET_TRY(check_optimizer(c.body));
  run->base_name = from->base_model, run->base = s.find_model(from->base_model);
  if (!run->base)
    return bad(
        fmt::format("{} is of {}, which this server does not have", *path, from->base_model));
  run->rank = from->rank;
  if (const auto before = s.store->find_run(from->path.run))
    run->parts = {before->attention, before->feed_forward, before->unembed};
  return start_run(s, c, std::move(*run), operation);
}

// ---- passes and steps

std::optional<outcome> refuses_pass(const training_run& r, const forward_request& ask,
                                    const result<lora::loss_config>& loss) {
  if (auto no = without_trainer(r)) return no;
  if (ask.problem) return failed(*ask.problem);
  for (const auto& origin : {r.loaded, r.saved})
    if (!origin.empty() && governance::process_book::of_process().is_frozen(origin))
      return failed(origin + ", which this model is from, is frozen by an incident");
  if (!loss) return failed(loss.error());
  return std::nullopt;
}

outcome answer_of(const forward_request& ask, const result<lora::pass_result>& p) {
  if (!p) return failed(p.error());
  forward_answer a;
  a.logprobs = p->logprobs;
  for (const auto& d : ask.data) {
    const auto& shape = d.inputs.at("target_tokens").shape;
    a.targets.push_back(shape.size() == 2 ? shape[1] : 0);
  }
  a.metrics = {{"loss:sum", p->loss}};
  auto o = done(to_json(a));
  o.proto = encode(a);
  return o;
}

pass_work pass_of(const std::shared_ptr<const forward_request>& ask) {
  const auto loss = lora::read_loss(ask->loss_fn, ask->settings);
  pass_work w;
  w.loss = loss.value_or(lora::loss_config());
  w.data = ask->data, w.forward_only = ask->forward_only;
  w.refuses = [ask, loss](const training_run& r) { return refuses_pass(r, *ask, loss); };
  w.answer = [ask](const result<lora::pass_result>& p) { return answer_of(*ask, p); };
  return w;
}

answered forward(service::state& s, call& c, bool forward_only) {
  result<forward_request> ask = fail("tinker.bad_body", "no body");
  if (c.body.is_null()) {
    const auto packing = c.request.header("content-encoding").value_or("");
    if (!packing.empty() && packing != "zstd" && packing != "identity")
      return bad("Content-Encoding must be zstd or absent");
    const auto body = packing == "zstd" ? unzip(c.request.body, most_unpacked) : c.request.body;
    if (!body) return fail(body);
    ask = decode_forward(*body);
  } else {
    ask = decode_forward(c.body, forward_only ? "forward_input" : "forward_backward_input");
    if (ask) ask->forward_only = forward_only;
  }
  if (!ask) return fail(ask);
  c.body = json{{"model_id", ask->model_id}, {"seq_id", ask->seq_id}};
  std::int64_t tokens = 0;
  if (!s.training.knows(ask->model_id, c.owner, ask->seq_id)) {
    for (const auto& d : ask->data) tokens += static_cast<std::int64_t>(d.tokens.size());
    const auto taken = s.usage.take(c.who, tokens, clock::now());
    if (!taken && taken.error().code != "tinker.quota") return fail(taken);
    // In its place in the order: those behind it do not wait for ever.
    if (!taken && !ask->problem) ask->problem = taken.error();
    if (!taken) tokens = 0;
  }
  const auto shared = std::make_shared<const forward_request>(std::move(*ask));
  auto sent = submit_to(s, c, pass_of(shared));
  if (!sent) s.usage.give_back(c.who, tokens, clock::now());
  return sent;
}

result<lora::adam_params> adam_of(const json& body) {
  const auto chosen = body.value("optimizer_params", json());
  if (chosen.is_object() && chosen.value("type", json("adamw")) != "adamw")
    return bad("optimizer_params: only adamw is offered");
  const auto p = chosen.is_object() ? chosen : body.value("adam_params", json());
  if (!p.is_object()) return bad("adam_params is required");
  lora::adam_params a;
  for (const auto& [key, into] : {std::pair{"learning_rate", &a.learning_rate},
                                  {"beta1", &a.beta1},
                                  {"beta2", &a.beta2},
                                  {"eps", &a.eps},
                                  {"weight_decay", &a.weight_decay},
                                  {"grad_clip_norm", &a.grad_clip_norm}}) {
    const auto v = p.value(key, json());
    if (v.is_null()) continue;
    if (!v.is_number()) return bad(std::string(key) + " must be a number");
    *into = v;
  }
  return a;
}

answered optim_step(service::state& s, call& c) {
  const auto params = adam_of(c.body);
  return submit_operation(s, c, [params](training_run& r) {
    if (!params) return failed(params.error());
    const auto metrics = r.trainer->step(*params);
    if (!metrics) return failed(metrics.error());
    return done({{"metrics", *metrics}});
  });
}

// ---- what is known of a model

answered get_info(service::state& s, call& c) {
  const auto model = text_of(c.body, "model_id");
  if (!model) return fail(model);
  const auto run = s.training.find(*model, c.owner);
  if (!run) return fail("tinker.not_found", "no model `" + *model + "` is loaded here");
  return json_answer({{"type", "get_info"},
                      {"model_id", run->id},
                      {"model_name", run->base_name},
                      {"is_lora", true},
                      {"lora_rank", run->rank},
                      {"optimizer_config", {{"type", "adamw"}}},
                      {"model_data",
                       {{"arch", run->base->config.family},
                        {"model_name", run->base_name},
                        {"tokenizer_id", run->base_name}}}});
}

answered unload(service::state& s, call& c) {
  const auto model = text_of(c.body, "model_id");
  if (!model) return fail(model);
  const auto request = s.training.unload(*model, c.owner, [](training_run& r) {
    r.trainer.reset();
    return done({{"type", "unload_model"}, {"model_id", r.id}});
  });
  if (!request) return fail(request);
  return submitted(*request, *model);
}

}  // namespace

std::optional<answered> training_route(service::state& s, call& c) {
  if (c.request.method != "POST" || c.parts.size() != 1) return std::nullopt;
  const auto& p = c.parts[0];
  if (p == "forward_backward") return forward(s, c, false);
  if (p == "forward") return forward(s, c, true);
  if (p == "create_custom_loss")
    return answered(
        bad("create_custom_loss: losses of clients do not run on this server; "
            "forward_backward_custom computes them on the client"));
  if (p == "create_model") return create_model(s, c);
  if (p == "get_info") return get_info(s, c);
  if (p == "unload_model") return unload(s, c);
  if (p == "optim_step") return optim_step(s, c);
  if (p.starts_with("save_weights")) return saving_route(s, c);
  if (p == "load_weights" || p == "load_state") return load_weights(s, c);
  return std::nullopt;
}

}  // namespace hocket::tinker
