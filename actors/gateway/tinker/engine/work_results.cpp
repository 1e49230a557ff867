// What came of a request, as bytes and back.
#include <algorithm>

#include "actors/gateway/tinker/engine/work_bytes.hpp"
#include "actors/gateway/tinker/engine/work_messages.hpp"

namespace hocket::tinker {
namespace {

tl::unexpected<error> bad() { return fail("tinker.bad_work", "a worker's result cannot be read"); }

template <class To>
void put(const std::vector<top_tokens>& from, To* to) {
  for (const auto& t : from) {
    auto* each = to->Add();
    copy_to(t.ids, each->mutable_ids());
    copy_to(t.logprobs, each->mutable_logprobs());
  }
}
template <class From>
std::vector<top_tokens> tops_of(const From& from) {
  std::vector<top_tokens> all;
  for (const auto& t : from)
    all.push_back({list_of<std::int32_t>(t.ids()), list_of<float>(t.logprobs())});
  return all;
}

}  // namespace

std::string pack(const lora::pass_result& r) {
  work_pb::PassResult m;
  for (const auto& each : r.logprobs) copy_to(each, m.add_logprobs()->mutable_values());
  m.set_loss(r.loss);
  return m.SerializeAsString();
}
result<lora::pass_result> unpack_pass(std::string_view bytes) {
  work_pb::PassResult m;
  if (!parse(m, bytes)) return bad();
  lora::pass_result r;
  for (const auto& each : m.logprobs()) r.logprobs.push_back(list_of<float>(each.values()));
  r.loss = m.loss();
  return r;
}

std::string pack(const std::map<std::string, double>& metrics) {
  work_pb::StepResult m;
  for (const auto& [name, value] : metrics) {
    auto* each = m.add_metrics();
    each->set_name(name), each->set_value(value);
  }
  return m.SerializeAsString();
}
result<std::map<std::string, double>> unpack_metrics(std::string_view bytes) {
  work_pb::StepResult m;
  if (!parse(m, bytes)) return bad();
  std::map<std::string, double> metrics;
  for (const auto& each : m.metrics()) metrics[each.name()] = each.value();
  return metrics;
}

std::string pack(const trainer_state& s) {
  work_pb::SaveResult m;
  put_files(s.files, m.mutable_files());
  m.set_optimizer(s.optimizer), m.set_steps(s.steps);
  return m.SerializeAsString();
}
result<trainer_state> unpack_state(std::string_view bytes) {
  work_pb::SaveResult m;
  if (!parse(m, bytes)) return bad();
  auto files = files_of(m.mutable_files());
  if (files.config.empty() || files.weights.empty()) return bad();  // nothing is no adapter
  return trainer_state{std::move(files), std::move(*m.mutable_optimizer()), m.steps()};
}

std::string pack(const sample_answer& a) {
  work_pb::SampleResult m;
  for (const auto& s : a.sequences) {
    auto* each = m.add_sequences();
    each->set_stopped(s.stopped);
    copy_to(s.tokens, each->mutable_tokens());
    copy_to(s.logprobs, each->mutable_logprobs());
    put(s.top, each->mutable_top());
  }
  m.set_prompt_length(a.prompt_length);
  copy_to(a.prompt_logprobs, m.mutable_prompt_logprobs());
  m.set_topk(a.topk);
  put(a.prompt_top, m.mutable_prompt_top());
  m.set_target_columns(a.target_columns);
  copy_to(a.target_logprobs, m.mutable_target_logprobs());
  m.set_alternatives(a.alternatives);
  put(a.alternative_rows, m.mutable_alternative_rows());
  return m.SerializeAsString();
}
result<sample_answer> unpack_sampled(std::string_view bytes) {
  work_pb::SampleResult m;
  if (!parse(m, bytes)) return bad();
  sample_answer a;
  for (const auto& s : m.sequences())
    a.sequences.push_back({s.stopped(), list_of<std::int32_t>(s.tokens()),
                           list_of<float>(s.logprobs()), tops_of(s.top())});
  a.prompt_length = m.prompt_length();
  a.prompt_logprobs = list_of<float>(m.prompt_logprobs());
  a.topk = m.topk();
  a.prompt_top = tops_of(m.prompt_top());
  a.target_columns = m.target_columns();
  a.target_logprobs = list_of<float>(m.target_logprobs());
  a.alternatives = m.alternatives();
  a.alternative_rows = tops_of(m.alternative_rows());
  const auto fit = [](const std::vector<top_tokens>& rows) {
    return std::ranges::all_of(rows,
                               [](const auto& t) { return t.ids.size() == t.logprobs.size(); });
  };
  const bool fits = fit(a.prompt_top) && fit(a.alternative_rows) &&
                    std::ranges::all_of(a.sequences, [&](const auto& s) {
                      return s.tokens.size() == s.logprobs.size() && fit(s.top);
                    });
  if (!fits) return bad();
  return a;
}

result<sample_answer> unpack_sampled(std::string_view bytes, const sample_request& ask) {
  auto a = unpack_sampled(bytes);
  if (!a) return a;
  if (std::ssize(a->sequences) != ask.num_samples || a->prompt_length != std::ssize(ask.prompt) ||
      a->topk != ask.topk_prompt || a->target_columns != ask.target_columns ||
      a->alternatives != ask.alternatives)
    return bad();
  return a;
}

}  // namespace hocket::tinker
