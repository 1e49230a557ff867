#include "actors/gateway/tinker/engine/sampler_desk.hpp"

#include <algorithm>

namespace hocket::tinker {

sampler_desk::sampler_desk(std::shared_ptr<const served_model> base, worker_identity is,
                           std::function<void(std::string)> send,
                           std::unique_ptr<sampling_engine> engine)
    : base_(std::move(base)),
      desk_(std::move(is), std::move(send),
            {[this](const asked& to, result<work> w) { begin(to, std::move(w)); },
             [this](const asked& to) {
               const std::lock_guard lock(mutex_);
               cancelled_.insert(to);
             },
             [this] {
               adapters_.clear();  // one tenant's adapter is for its server alone
               const std::lock_guard lock(mutex_);
               cancelled_.clear();
             }}),
      engine_(std::move(engine)) {}

sampler_desk::~sampler_desk() = default;

void sampler_desk::begin(const asked& to, result<work> w) {
  if (!w) return desk_.answer(to, fail(w));
  if (auto* a = std::get_if<adapter_work>(&w->what))
    return desk_.answer(to, keep(std::move(a->files)));
  if (auto* s = std::get_if<sample_work>(&w->what)) return sample(to, std::move(*s));
  desk_.answer(to, fail("tinker.bad_work", "a sampler does not train"));
}

result<std::string> sampler_desk::keep(lora::adapter_files files) {
  const auto sha256 = sha256_of(files);
  const auto bytes = files.config.size() + files.weights.size();
  auto opened = engine_->adapter(*base_, std::move(files));
  if (!opened) return fail(opened);
  std::erase_if(adapters_, [&](const held& h) { return h.sha256 == sha256; });
  adapters_.push_front({sha256, std::move(*opened), bytes});
  std::size_t all = 0;
  for (auto it = adapters_.begin(); it != adapters_.end();) {
    all += it->bytes;
    it = all > adapter_bytes && it != adapters_.begin() ? adapters_.erase(it) : std::next(it);
  }
  return sha256;
}

void sampler_desk::sample(const asked& to, sample_work what) {
  sample_job job{what.owner, {base_, nullptr}, std::move(what.ask), {}, {}, {}};
  if (!what.adapter_sha256.empty()) {
    const auto found = std::ranges::find(adapters_, what.adapter_sha256, &held::sha256);
    if (found == adapters_.end())
      return desk_.answer(to, fail("tinker.unknown_adapter", "this adapter is not here"));
    adapters_.splice(adapters_.begin(), adapters_, found);
    job.from.adapter = adapters_.front().adapter;
  }
  if (const auto fits = check(job); !fits) return desk_.answer(to, fail(fits));
  job.is_cancelled = [this, to] {
    if (!desk_.waits(to)) return true;
    const std::lock_guard lock(mutex_);
    return cancelled_.contains(to);
  };
  job.done = [this, to](const result<sample_answer>& a) {
    {
      const std::lock_guard lock(mutex_);
      cancelled_.erase(to);
    }
    desk_.answer(to, a ? result<std::string>(pack(*a)) : fail(a));
  };
  engine_->submit(std::move(job));
}

}  // namespace hocket::tinker
