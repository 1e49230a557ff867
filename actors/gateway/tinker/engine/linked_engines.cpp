#include "actors/gateway/tinker/engine/linked_engines.hpp"

#include <algorithm>
#include <atomic>
#include <future>

namespace hocket::tinker {
namespace {

/// Passes of owners that are not through.
struct pass_counts {
  std::mutex mutex;
  std::map<std::string, std::size_t> by_owner;
};

class linked_trainer final : public model_trainer {
 public:
  linked_trainer(std::shared_ptr<linked_engines> keeps, request_link& link, std::uint64_t number)
      : keeps_(std::move(keeps)), link_(link), number_(number) {}
  ~linked_trainer() override {
    // Also after a silence: who is back has it in memory still.
    link_.submit({.owner = "",
                  .work = pack(work{number_, drop_work{}}),
                  .outlasts_silence = true,
                  .done = [](const auto&) {}});
  }

  /// Waits for the answer.
  result<std::string> ask(const work& w, bool needs_no_model = false) {
    auto said = std::make_shared<std::promise<result<std::string>>>();
    auto answer = said->get_future();
    link_.submit({.owner = "",
                  .work = pack(w),
                  .needs_no_model = needs_no_model,
                  .done = [said](result<std::string> r) { said->set_value(std::move(r)); }});
    return heard(answer.get());
  }
  result<std::string> heard(result<std::string> r) {
    if (!r && r.error().code == "tinker.model_lost") lost_ = true;
    return r;
  }

  result<std::map<std::string, double>> step(const lora::adam_params& params) override {
    const auto said = ask({number_, params});
    return said ? unpack_metrics(*said) : fail(said);
  }
  result<trainer_state> save(bool optimizer) override {
    const auto said = ask({number_, save_work{optimizer}});
    return said ? unpack_state(*said) : fail(said);
  }
  result<adapter_ptr> snapshot() override {
    auto is = save(false);
    if (!is) return fail(is);
    auto sum = sha256_of(is->files);
    return std::make_shared<const held_adapter>(
        held_adapter{nullptr, std::move(is->files), std::move(sum)});
  }
  bool is_lost() const override { return lost_; }
  std::uint64_t number() const { return number_; }

 private:
  const std::shared_ptr<linked_engines> keeps_;
  request_link& link_;
  const std::uint64_t number_;
  std::atomic<bool> lost_{false};
};

/// Passes go to the trainer at once; nothing is computed here.
class linked_passes final : public pass_worker {
 public:
  linked_passes(request_link& link, std::shared_ptr<pass_counts> counts)
      : link_(link), counts_(std::move(counts)) {}
  void add(model_trainer& on, const lora::loss_config& loss,
           std::span<const lora::training_datum> data, bool forward_only, finished then,
           const std::string& owner) override {
    auto& t = static_cast<linked_trainer&>(on);
    auto bytes = pack_pass(t.number(), owner, loss, forward_only, data);
    {
      const std::lock_guard lock(counts_->mutex);
      ++counts_->by_owner[owner];
    }
    link_.submit(
        {.owner = owner,
         .work = std::move(bytes),
         .done = [&t, owner, then, count = data.size(), counts = counts_](result<std::string> r) {
           {
             const std::lock_guard lock(counts->mutex);
             if (--counts->by_owner[owner] == 0) counts->by_owner.erase(owner);
           }
           const auto said = t.heard(std::move(r));
           auto is = said ? unpack_pass(*said) : fail(said);
           if (is && is->logprobs.size() != count)
             is = fail("tinker.bad_work", "the trainer answered other data");
           then(std::move(is));
         }});
  }
  void step() override {}
  std::size_t size() const override { return 0; }
  std::size_t size(const std::string& owner) const override {
    const std::lock_guard lock(counts_->mutex);
    const auto found = counts_->by_owner.find(owner);
    return found == counts_->by_owner.end() ? 0 : found->second;
  }

 private:
  request_link& link_;
  const std::shared_ptr<pass_counts> counts_;
};

class linked_training final : public training_engine {
 public:
  linked_training(std::shared_ptr<linked_engines> keeps, request_link& link)
      : keeps_(std::move(keeps)), link_(link) {}
  result<std::unique_ptr<model_trainer>> create(std::shared_ptr<const served_model>,
                                                const new_adapter& what) override {
    return made(what);
  }
  result<std::unique_ptr<model_trainer>> open(std::shared_ptr<const served_model>,
                                              const lora::adapter_files& files,
                                              const std::string* optimizer) override {
    return made(open_work{files, optimizer ? std::optional(*optimizer) : std::nullopt});
  }
  std::unique_ptr<pass_worker> passes() override {
    return std::make_unique<linked_passes>(link_, counts_);
  }
  void stop() override { link_.stop(); }

 private:
  template <class What>
  result<std::unique_ptr<model_trainer>> made(What what) {
    auto t = std::make_unique<linked_trainer>(keeps_, link_, ++newest_);
    const auto said = t->ask({t->number(), std::move(what)}, true);
    if (!said) return fail(said);
    return t;
  }
  const std::shared_ptr<linked_engines> keeps_;
  request_link& link_;
  const std::shared_ptr<pass_counts> counts_ = std::make_shared<pass_counts>();
  std::atomic<std::uint64_t> newest_{0};
};

class linked_sampling final : public sampling_engine {
 public:
  linked_sampling(std::shared_ptr<linked_engines> keeps, request_link& link)
      : keeps_(std::move(keeps)), link_(link) {}
  void submit(sample_job job) override {
    ask(std::make_shared<const sample_job>(std::move(job)), most_tries);
  }
  std::size_t queued(const std::string& owner) const override {
    const std::lock_guard lock(mutex_);
    std::size_t held = 0;
    for (const auto& [sha256, all] : on_the_way_)
      held += static_cast<std::size_t>(
          std::ranges::count(all, owner, [](const held_job& h) { return h.job->owner; }));
    return link_.queued(owner) + held;
  }
  result<adapter_ptr> adapter(const served_model&, lora::adapter_files files) override {
    auto sum = sha256_of(files);
    return std::make_shared<const held_adapter>(
        held_adapter{nullptr, std::move(files), std::move(sum)});
  }
  void stop() override { link_.stop(); }

 private:
  /// A sampler that is short of room may forget an adapter before it is used.
  static constexpr int most_tries = 4;
  using job_ptr = std::shared_ptr<const sample_job>;
  struct held_job {
    job_ptr job;
    int tries;
  };

  void ask(const job_ptr& job, int tries) {
    const auto& adapter = job->from.adapter;
    link_.submit(
        {.owner = job->owner,
         .work = pack(work{0, sample_work{job->owner, adapter ? adapter->sha256 : "", job->ask}}),
         .needs_no_model = true,
         .done =
             [this, job, tries](const result<std::string>& r) {
               if (!r && r.error().code == "tinker.unknown_adapter" && tries > 1)
                 return send_adapter({job, tries - 1});
               job->done(r ? unpack_sampled(*r, job->ask) : fail(r));
             },
         .begins = job->begins,
         .is_cancelled = job->is_cancelled});
  }
  /// Once for all jobs that lack it.
  void send_adapter(held_job h) {
    const auto adapter = h.job->from.adapter;
    const auto owner = h.job->owner;
    {
      const std::lock_guard lock(mutex_);
      auto& all = on_the_way_[adapter->sha256];
      all.push_back(std::move(h));
      if (all.size() > 1) return;
    }
    link_.submit({.owner = owner,
                  .work = pack(work{0, adapter_work{adapter->files}}),
                  .needs_no_model = true,
                  .is_first = true,
                  .done = [this, sha256 = adapter->sha256](const result<std::string>& r) {
                    adapter_is_there(sha256, r);
                  }});
  }
  void adapter_is_there(const std::string& sha256, const result<std::string>& r) {
    std::vector<held_job> all;
    {
      const std::lock_guard lock(mutex_);
      all = std::move(on_the_way_.extract(sha256).mapped());
    }
    for (const auto& [job, tries] : all) {
      if (!r)
        job->done(fail(r));
      else if (*r != sha256)
        job->done(fail("tinker.damaged", "an adapter came to the sampler damaged"));
      else
        ask(job, tries);
    }
  }
  const std::shared_ptr<linked_engines> keeps_;
  request_link& link_;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<held_job>> on_the_way_;  ///< by the adapter that they lack
};

}  // namespace

linked_engines::linked_engines(served_model& model, const settings& s, sender to_trainer,
                               sender to_sampler, std::function<void(std::string)> tell)
    : agreement_(
          std::make_shared<model_agreement>(model.context(), model.config.vocabulary, s.same_bits)),
      trainer_(
          {.what = "the trainer", .gone_after = s.gone_after}, std::move(to_trainer),
          [a = agreement_](const worker_identity& it) { return a->trainer_is(it); }, tell,
          request_link::clock::now()),
      sampler_(
          {.what = "the sampler", .gone_after = s.gone_after}, std::move(to_sampler),
          [a = agreement_](const worker_identity& it) { return a->sampler_is(it); }, tell,
          request_link::clock::now()) {
  model.sum_elsewhere = [a = agreement_] { return a->model_sha256(); };
}

std::unique_ptr<training_engine> linked_engines::training() {
  return std::make_unique<linked_training>(shared_from_this(), trainer_);
}
std::unique_ptr<sampling_engine> linked_engines::sampling() {
  return std::make_unique<linked_sampling>(shared_from_this(), sampler_);
}
bool linked_engines::trained(std::string_view piece) {
  return trainer_.arrived(piece, request_link::clock::now());
}
bool linked_engines::sampled(std::string_view piece) {
  return sampler_.arrived(piece, request_link::clock::now());
}
void linked_engines::tick() {
  const auto now = request_link::clock::now();
  trainer_.tick(now), sampler_.tick(now);
}

}  // namespace hocket::tinker
