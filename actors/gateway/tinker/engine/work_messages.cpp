#include "actors/gateway/tinker/engine/work_messages.hpp"

#include <fmt/format.h>

#include "actors/gateway/tinker/engine/work_bytes.hpp"
#include "actors/http/digest.hpp"

namespace hocket::tinker {
namespace {

tl::unexpected<error> bad(const char* what) {
  return fail("tinker.bad_work", fmt::format("{}: it cannot be read", what));
}

void put(const sample_work& from, work_pb::Sample* to) {
  const auto& a = from.ask;
  to->set_owner(from.owner), to->set_adapter_sha256(from.adapter_sha256);
  to->set_num_samples(a.num_samples);
  copy_to(a.prompt, to->mutable_prompt());
  if (a.max_tokens) to->set_max_tokens(*a.max_tokens);
  if (a.seed) to->set_seed(*a.seed);
  to->set_temperature(a.temperature), to->set_top_p(a.top_p), to->set_top_k(a.top_k);
  to->set_default_stops(a.default_stops);
  for (const auto& t : a.stop_texts) to->add_stop_texts(t);
  copy_to(a.stop_tokens, to->mutable_stop_tokens());
  to->set_prompt_logprobs(a.prompt_logprobs), to->set_topk_prompt(a.topk_prompt);
  to->set_topk_sample(a.topk_sample), to->set_alternatives(a.alternatives);
  if (a.last_n) to->set_last_n(*a.last_n);
  to->set_target_columns(a.target_columns);
  copy_to(a.targets, to->mutable_targets());
}
result<sample_work> sample_of(const work_pb::Sample& m) {
  sample_work s;
  s.owner = m.owner(), s.adapter_sha256 = m.adapter_sha256();
  auto& a = s.ask;
  a.num_samples = m.num_samples();
  a.prompt = list_of<std::int32_t>(m.prompt());
  if (m.has_max_tokens()) a.max_tokens = m.max_tokens();
  if (m.has_seed()) a.seed = m.seed();
  a.temperature = m.temperature(), a.top_p = m.top_p(), a.top_k = m.top_k();
  a.default_stops = m.default_stops();
  a.stop_texts = list_of<std::string>(m.stop_texts());
  a.stop_tokens = list_of<std::int32_t>(m.stop_tokens());
  a.prompt_logprobs = m.prompt_logprobs(), a.topk_prompt = m.topk_prompt();
  a.topk_sample = m.topk_sample(), a.alternatives = m.alternatives();
  if (m.has_last_n()) a.last_n = m.last_n();
  a.target_columns = m.target_columns();
  a.targets = list_of<std::int32_t>(m.targets());
  // What a gateway lets pass (wire/sample.cpp); what a sampler computes with these is not looked at again.
  const auto within = [](double v, double low, double high) { return v >= low && v <= high; };
  const auto rows = static_cast<std::int64_t>(a.prompt.size()) - 1, all = std::ssize(a.targets);
  const auto columns = a.target_columns;
  if (rows < 0 || !within(a.num_samples, 1, 1024) || !within(a.topk_prompt, 0, 1024) ||
      !within(a.topk_sample, 0, 1024) || !within(a.alternatives, 0, 1024) || a.top_k < 0 ||
      a.max_tokens.value_or(0) < 0 || a.last_n.value_or(0) < 0 || columns < 0 ||
      columns > INT32_MAX || rows * columns != all || !within(a.temperature, 0, 100) ||
      !within(a.top_p, 0, 1))
    return bad("a request to sample");
  return s;
}

void put(const std::string& owner, const lora::loss_config& loss, bool forward_only,
         std::span<const lora::training_datum> data, work_pb::Pass* to) {
  to->set_owner(owner), to->set_loss(static_cast<std::uint32_t>(loss.kind));
  to->set_clip_low(loss.clip_low), to->set_clip_high(loss.clip_high), to->set_beta(loss.beta);
  to->set_forward_only(forward_only);
  for (const auto& d : data) {
    auto* datum = to->add_data();
    copy_to(d.tokens, datum->mutable_tokens());
    for (const auto& [name, input] : d.inputs) {
      auto* i = datum->add_inputs();
      i->set_name(name);
      copy_to(input.shape, i->mutable_shape());
      copy_to(input.values, i->mutable_values());
    }
  }
}
result<pass_data> pass_of(const work_pb::Pass& m) {
  if (m.loss() > static_cast<std::uint32_t>(lora::loss_kind::gspo)) return bad("a pass");
  pass_data p;
  p.owner = m.owner();
  p.loss = {static_cast<lora::loss_kind>(m.loss()), m.clip_low(), m.clip_high(), m.beta()};
  p.forward_only = m.forward_only();
  for (const auto& d : m.data()) {
    auto& datum = p.data.emplace_back();
    datum.tokens = list_of<std::int32_t>(d.tokens());
    for (const auto& i : d.inputs())
      datum.inputs[i.name()] = {list_of<std::int64_t>(i.shape()), list_of<double>(i.values())};
  }
  return p;
}

result<lora::adam_params> adam_of(const work_pb::Step& m) {
  if (m.params_size() != 6) return bad("a step");
  return lora::adam_params{m.params(0), m.params(1), m.params(2),
                           m.params(3), m.params(4), m.params(5)};
}

/// Each kind of work into its field.
struct put_work {
  work_pb::Work& to;
  void operator()(const new_adapter& a) const {
    auto* c = to.mutable_create();
    c->set_base_name(a.base_name), c->set_rank(a.rank), c->set_alpha(a.alpha);
    c->set_attention(a.parts.attention), c->set_feed_forward(a.parts.feed_forward);
    c->set_unembed(a.parts.unembed), c->set_seed(a.seed);
  }
  void operator()(const open_work& o) const {
    put_files(o.files, to.mutable_open()->mutable_files());
    if (o.optimizer) to.mutable_open()->set_optimizer(*o.optimizer);
  }
  void operator()(const pass_data& p) const {
    put(p.owner, p.loss, p.forward_only, p.data, to.mutable_pass());
  }
  void operator()(const lora::adam_params& p) const {
    for (const auto v :
         {p.learning_rate, p.beta1, p.beta2, p.eps, p.weight_decay, p.grad_clip_norm})
      to.mutable_step()->add_params(v);
  }
  void operator()(const save_work& s) const { to.set_save(s.optimizer); }
  void operator()(const drop_work&) const { to.set_drop(true); }
  void operator()(const adapter_work& a) const {
    put_files(a.files, to.mutable_adapter()->mutable_files());
  }
  void operator()(const sample_work& s) const { put(s, to.mutable_sample()); }
};

}  // namespace

std::string pack(const work& w) {
  work_pb::Work m;
  m.set_trainer(w.trainer);
  std::visit(put_work{m}, w.what);
  return m.SerializeAsString();
}

std::string pack_pass(std::uint64_t trainer, const std::string& owner,
                      const lora::loss_config& loss, bool forward_only,
                      std::span<const lora::training_datum> data) {
  work_pb::Work m;
  m.set_trainer(trainer);
  put(owner, loss, forward_only, data, m.mutable_pass());
  return m.SerializeAsString();
}

result<work> unpack_work(std::string_view bytes) {
  work_pb::Work m;
  if (!parse(m, bytes)) return bad("a request");
  work w;
  w.trainer = m.trainer();
  switch (m.what_case()) {
    case work_pb::Work::kCreate: {
      const auto& c = m.create();
      w.what = new_adapter{c.base_name(),
                           {c.attention(), c.feed_forward(), c.unembed()},
                           c.rank(),
                           c.alpha(),
                           c.seed()};
      return w;
    }
    case work_pb::Work::kOpen: {
      auto* o = m.mutable_open();
      open_work opened{files_of(o->mutable_files()), std::nullopt};
      if (o->has_optimizer()) opened.optimizer = std::move(*o->mutable_optimizer());
      w.what = std::move(opened);
      return w;
    }
    case work_pb::Work::kPass: {
      auto p = pass_of(m.pass());
      if (!p) return fail(p);
      w.what = std::move(*p);
      return w;
    }
    case work_pb::Work::kStep: {
      const auto p = adam_of(m.step());
      if (!p) return fail(p);
      w.what = *p;
      return w;
    }
    case work_pb::Work::kSave: w.what = save_work{m.save()}; return w;
    case work_pb::Work::kDrop: w.what = drop_work{}; return w;
    case work_pb::Work::kAdapter:
      w.what = adapter_work{files_of(m.mutable_adapter()->mutable_files())};
      return w;
    case work_pb::Work::kSample: {
      auto s = sample_of(m.sample());
      if (!s) return fail(s);
      w.what = std::move(*s);
      return w;
    }
    case work_pb::Work::WHAT_NOT_SET: break;
  }
  return bad("a request");
}

std::string sha256_of(const lora::adapter_files& files) {
  return http::sha256_hex(http::sha256_hex(files.config) + http::sha256_hex(files.weights));
}

// ---- what carries them

std::string pack(const to_worker& m) {
  work_pb::ToWorker to;
  to.set_server(m.server), to.set_number(m.number);
  if (const auto* h = std::get_if<hello>(&m.what)) to.mutable_hello()->set_number(h->number);
  if (std::holds_alternative<cancel>(m.what)) to.set_cancel(true);
  if (const auto* w = std::get_if<std::string>(&m.what)) to.set_work(*w);
  return to.SerializeAsString();
}

std::string pack(const from_worker& m) {
  work_pb::FromWorker to;
  to.set_worker(m.worker), to.set_server(m.server), to.set_number(m.number);
  if (const auto* r = std::get_if<ready>(&m.what)) {
    auto* is = to.mutable_ready();
    is->set_hello(r->hello);
    auto* i = is->mutable_identity();
    i->set_model_sha256(r->identity.model_sha256), i->set_precision(r->identity.precision);
    i->set_context(r->identity.context), i->set_vocabulary(r->identity.vocabulary);
    i->set_scores_sha256(r->identity.scores_sha256);
    copy_to(r->in_work, is->mutable_in_work());
  }
  if (const auto* e = std::get_if<error>(&m.what)) {
    to.mutable_failure()->set_code(e->code);
    to.mutable_failure()->set_message(e->message);
  }
  if (const auto* r = std::get_if<std::string>(&m.what)) to.set_result(*r);
  return to.SerializeAsString();
}

result<to_worker> unpack_to_worker(std::string_view bytes) {
  work_pb::ToWorker m;
  if (!parse(m, bytes)) return bad("a message of the server");
  to_worker out{m.server(), m.number(), cancel{}};
  switch (m.what_case()) {
    case work_pb::ToWorker::kHello: out.what = hello{m.hello().number()}; return out;
    case work_pb::ToWorker::kWork: out.what = std::move(*m.mutable_work()); return out;
    case work_pb::ToWorker::kCancel: return out;
    case work_pb::ToWorker::WHAT_NOT_SET: break;
  }
  return bad("a message of the server");
}

result<from_worker> unpack_from_worker(std::string_view bytes) {
  work_pb::FromWorker m;
  if (!parse(m, bytes)) return bad("a message of a worker");
  from_worker out{m.worker(), m.server(), m.number(), std::string()};
  switch (m.what_case()) {
    case work_pb::FromWorker::kReady: {
      const auto& i = m.ready().identity();
      out.what =
          ready{m.ready().hello(),
                {i.model_sha256(), i.precision(), i.context(), i.vocabulary(), i.scores_sha256()},
                list_of<std::uint64_t>(m.ready().in_work())};
      return out;
    }
    case work_pb::FromWorker::kResult: out.what = std::move(*m.mutable_result()); return out;
    case work_pb::FromWorker::kFailure:
      out.what = error{m.failure().code(), m.failure().message()};
      return out;
    case work_pb::FromWorker::WHAT_NOT_SET: break;
  }
  return bad("a message of a worker");
}

}  // namespace hocket::tinker
