#include "actors/gateway/tinker_door/worker_actor.hpp"

#include "graph/contract/capability.hpp"

namespace hocket::tinker {

void worker_actor::config::visit(config_visitor& v) {
  v.field({.name = "model",
           .doc = "the gateway's model: a folder with config.json, a GGUF file, or a package that "
                  "`hocket model get` fetched",
           .required = true,
           .is_path = true},
          how.model);
  v.field({.name = "context",
           .doc = "longest text, as at the gateway",
           .unit = "tokens",
           .min = 2,
           .max = 1e6},
          how.context);
  v.field({.name = "precision",
           .doc = "of products with the model's weights; the same for trainer and sampler",
           .choices = {"fp32", "bfloat16"}},
          how.precision);
}

component_info worker_actor::info_of(const char* type, const char* summary) {
  return {.type = type,
          .summary = summary,
          .inputs = {{"requests", work_media(), "of a gateway.tinker", true, work_queue}},
          .outputs = {{"answers", work_media(), "to it"}},
          .scope = instance_scope::shared,
          .blocking = true};
}

component_info engine_actor::info() {
  return info_of("trainer.engine", "Trains for a gateway.tinker, on any host.");
}
component_info sampler_actor::info() {
  return info_of("trainer.sampler", "Samples for a gateway.tinker, on any host.");
}

result<void> worker_actor::open(const context& where) {
  context_ = where;
  if (where.time->is_virtual())
    return fail("tinker.real_time", "it works in real time: run it without --virtual");
  if (where.may) {
    auto model = where.may->readable(config_.how.model);
    if (!model) return fail(model);
  }
  answers_.emplace(where, 0, false);
  auto started =
      start_worker(config_.how, [to = *answers_](std::string piece) { to.send(std::move(piece)); });
  if (!started) return fail(started);
  worker_ = std::move(*started);
  return {};
}

result<void> worker_actor::process(std::size_t, const packet& p, emitter&) {
  const auto ended = worker_->take(bytes_of(p));
  if (!ended) context_.count("bad_requests", 1);
  if (ended && *ended) answers_->heard_in(p.header.session);
  return {};
}

result<void> worker_actor::close(emitter&) {
  worker_.reset();
  return {};
}

}  // namespace hocket::tinker
