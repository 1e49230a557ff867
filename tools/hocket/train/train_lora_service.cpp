// hocket train lora with `service:`: the steps of a recipe at a service of the Tinker API.
#include <cstdlib>

#include "actors/trainer/data/schedule.hpp"
#include "actors/trainer/service/service_learner.hpp"
#include "graph/trust/secret.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/train/lora_run.hpp"
#include "tools/report/learning.hpp"

namespace hocket::cli {
namespace {

result<trainer::round_settings> settings_of(const lora_recipe& r) {
  trainer::round_settings s;
  s.model = r.model, s.rank = r.rank, s.alpha = r.alpha, s.parts = r.parts, s.modules = r.modules;
  s.seed = r.seed, s.optimizer = r.optimizer, s.precision = r.precision;
  s.rate = r.rate, s.decay = r.decay, s.clip = r.clip, s.service = r.service;
  HOCKET_TRY(trainer::check_service(s));
  if (s.service.key_env.empty()) return s;
  const char* key = std::getenv(s.service.key_env.c_str());
  if (key == nullptr || *key == '\0')
    return fail("train.bad_service",
                "the variable " + s.service.key_env + " (`service.key_env`) is not set");
  trust::note_secret(s.service.key_env, key);
  s.service.key = key;
  return s;
}

/// Steps at the service; gives the adapter as it was saved last.
result<lora::adapter_files> train_there(const lora_recipe& r, trainer::learner& l,
                                        const all_data& data, const trust::folder& out, bool json,
                                        validation& v, std::int64_t& steps) {
  // From the first step on what was learnt is fetched also after a signal, so that what is under way there is
  // waited for, `patience_s` at most; a second signal ends at once.
  const trainer::goes_on more = [&steps] { return steps > 0 || signal_that_came() == 0; };
  const std::unique_ptr<trainer::learner, void (*)(trainer::learner*)> leaves(
      &l, [](trainer::learner* at) { at->leave(); });
  HOCKET_TRY(l.begin(more));
  lora::adapter_files files;
  lora_steps by;
  by.step = [&](std::span<const lora::training_datum> batch, double rate) {
    auto loss = l.step(batch, rate, more);
    steps += loss ? 1 : 0;
    return loss;
  };
  by.mean_loss = [&](std::span<const lora::training_datum> held) -> result<double> {
    const auto loss = l.loss_of(held, more);
    if (!loss) return loss;
    return *loss / trainer::targets_of(held);
  };
  by.save = [&]() -> result<void> {
    auto is = l.end(more);
    if (!is) return fail(is);
    files = std::move(*is);
    HOCKET_TRY(out.write("adapter_config.json", files.config));
    return out.write("adapter_model.safetensors", files.weights);
  };
  if (!data.held.examples.empty()) {
    const auto loss = by.mean_loss(data.held.examples);
    if (!loss) return fail(loss);
    v.before = *loss;
  }
  HOCKET_TRY(run_lora_steps(r, by, data, out, json, v));
  return files;
}

}  // namespace

int run_lora_at_service(const lora_recipe& r, const train_options& o, const all_data& data,
                        const trust::folder& out) {
  const auto s = settings_of(r);
  if (!s) return tell(s.error(), exit_bad_input);
  if (o.resume)
    return tell({"train.bad_service",
                 "--resume is for training on this machine: a run with `service` begins anew"},
                exit_bad_input);
  end_in_order_on_signals();
  const auto learner = trainer::make_service_learner(*s);
  validation v;
  std::int64_t steps = 0;
  const auto files = train_there(r, *learner, data, out, o.json, v, steps);
  if (!files) return tell(files.error(), exit_failed);
  if (const auto done = write_lora_card(r, out, *files, steps, data, v); !done)
    return tell(done.error(), exit_failed);
  for (const char* picture : {"/curve.svg", "/curve.png"})
    if (const auto done = report::draw_learning(r.out, r.out + picture);
        !done && done.error().code != "train.curve")  // ended before its first row
      return tell(done.error(), exit_failed);
  if (!o.json)
    say("{}: adapter_config.json, adapter_model.safetensors from {}\n", r.out, r.service.base_url);
  return exit_fine;
}

}  // namespace hocket::cli
