// A sampler that lacks adapters, and peers that answer or ask what they should not.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <limits>

#include <doctest/doctest.h>

#include "actors/gateway/tinker/engine/linked_engines.hpp"
#include "actors/gateway/tinker/engine/sampler_desk.hpp"
#include "actors/gateway/tinker/engine/trainer_desk.hpp"

using namespace hocket;
using namespace hocket::tinker;

namespace {

const worker_identity identity{"sum", "fp32", 64, 256, "bits"};

std::shared_ptr<served_model> weightless() {
  auto m = std::make_shared<served_model>();
  m->config.trunk.context = identity.context;
  m->config.vocabulary = static_cast<int>(identity.vocabulary);
  return m;
}

/// Answers at once; `lie` changes what it says.
struct answering_sampler final : sampling_engine {
  int opened = 0;
  std::function<void(sample_answer&)> lie;
  void submit(sample_job job) override {
    sample_answer a;
    a.prompt_length = std::ssize(job.ask.prompt);
    a.sequences.resize(static_cast<std::size_t>(job.ask.num_samples));
    for (auto& s : a.sequences) s.tokens = {1}, s.logprobs = {-1};
    if (lie) lie(a);
    job.done(std::move(a));
  }
  std::size_t queued(const std::string&) const override { return 0; }
  result<adapter_ptr> adapter(const served_model&, lora::adapter_files) override {
    ++opened;
    return std::make_shared<const held_adapter>();
  }
};

/// Gateway, sampler and a trainer that only says who it is; packets go by hand, on one thread.
struct hosts {
  hosts() {
    linked = std::make_shared<linked_engines>(
        *model, linked_engines::settings{},
        [this](std::string p) { to_trainer.push_back(std::move(p)); },
        [this](std::string p) { to_sampler.push_back(std::move(p)); }, [](auto) {});
    sampling = linked->sampling();
    auto engine = std::make_unique<answering_sampler>();
    samples = engine.get();
    sampler = std::make_unique<sampler_desk>(
        weightless(), identity, [this](std::string p) { from_sampler.push_back(std::move(p)); },
        std::move(engine));
  }
  ~hosts() { sampling->stop(); }
  static bool move(std::deque<std::string>& from, const std::function<void(std::string)>& to) {
    std::deque<std::string> all;
    all.swap(from);
    for (auto& p : all) to(std::move(p));
    return !all.empty();
  }
  void run() {
    linked->tick();
    bool moved = true;
    while (moved) {
      // The trainer first: with it the sampler is compared.
      moved = move(to_trainer, [&](std::string p) { CHECK(trainer.take(p)); });
      moved |= move(from_trainer, [&](std::string p) { linked->trained(p); });
      moved |= move(to_sampler, [&](std::string p) {
        sent_bytes += p.size();
        CHECK(sampler->take(p));
      });
      moved |= move(from_sampler, [&](std::string p) { linked->sampled(p); });
    }
  }
  std::shared_ptr<std::optional<result<sample_answer>>> ask(adapter_ptr from = nullptr) {
    auto said = std::make_shared<std::optional<result<sample_answer>>>();
    sample_job job{"ann", {model, std::move(from)}, {}, {}, {}, {}};
    job.ask.prompt = {1, 2}, job.ask.max_tokens = 1;
    job.done = [said](result<sample_answer> a) { *said = std::move(a); };
    sampling->submit(std::move(job));
    return said;
  }

  std::deque<std::string> to_trainer, from_trainer, to_sampler, from_sampler;
  std::size_t sent_bytes = 0;
  std::shared_ptr<served_model> model = weightless();
  request_desk trainer{identity,
                       [this](std::string p) { from_trainer.push_back(std::move(p)); },
                       {[](const asked&, const result<work>&) {}, [](const asked&) {}, [] {}}};
  std::shared_ptr<linked_engines> linked;
  std::unique_ptr<sampling_engine> sampling;
  answering_sampler* samples = nullptr;
  std::unique_ptr<sampler_desk> sampler;
};

}  // namespace

TEST_CASE("an adapter that a sampler lacks is sent once, however many wait for it") {
  hosts h;
  const std::string weights(100'000, 'w');
  const auto adapter = *h.sampling->adapter(*h.model, {"{}", weights});
  std::vector<std::shared_ptr<std::optional<result<sample_answer>>>> all;
  for (int i = 0; i < 300; ++i) all.push_back(h.ask(adapter));
  CHECK(h.sampling->queued("ann") == 300);
  h.run();
  for (const auto& said : all) CHECK((said->has_value() && (*said)->has_value()));
  CHECK(h.samples->opened == 1);
  CHECK(h.sent_bytes < 2 * weights.size());
  CHECK(h.sampling->queued("ann") == 0);
}

TEST_CASE("a sampler is asked nothing before it was compared with the trainer") {
  hosts h;
  const auto said = h.ask();
  h.linked->tick();
  hosts::move(h.to_sampler, [&](std::string p) { CHECK(h.sampler->take(p)); });
  hosts::move(h.from_sampler, [&](std::string p) { h.linked->sampled(p); });
  CHECK(h.to_sampler.empty());
  CHECK(!said->has_value());
}

TEST_CASE("a sampler that answers other sizes than were asked for is not believed") {
  const std::vector<std::function<void(sample_answer&)>> lies{
      [](auto& a) { a.sequences.clear(); },
      [](auto& a) { a.sequences[0].logprobs.clear(); },
      [](auto& a) {
        a.sequences[0].top = {{{1, 2}, {}}};
      },
      [](auto& a) {
        a.prompt_top = {{{1, 2}, {-1}}};
      },
      [](auto& a) {
        a.alternative_rows = {{{}, {-1}}};
      },
      [](auto& a) { a.topk = 1 << 30; },
      [](auto& a) { a.target_columns = 1 << 30; },
      [](auto& a) { a.alternatives = 1; },
      [](auto& a) { a.prompt_length = 1 << 30; },
  };
  hosts h;
  h.run();
  for (const auto& lie : lies) {
    h.samples->lie = lie;
    const auto said = h.ask();
    h.run();
    REQUIRE(said->has_value());
    REQUIRE(!**said);
    CHECK((*said)->error().code == "tinker.bad_work");
  }
}

TEST_CASE("a trainer whose state is empty has answered nothing: no checkpoint of it is written") {
  CHECK(!unpack_state(""));
  CHECK(!unpack_state(pack(trainer_state{{"{}", ""}, "moments", 1})));
  CHECK(!unpack_state(pack(trainer_state{{"", "weights"}, "moments", 1})));
  CHECK(unpack_state(pack(trainer_state{{"{}", "weights"}, "", 1})));
  CHECK(can_cross("x"));
  CHECK(can_cross("").error().code == "tinker.too_large");  // as protobuf leaves 2 GiB and more
}

TEST_CASE("a gateway that asks a sampler for other sizes than there may be is refused") {
  const std::vector<std::function<void(sample_request&)>> lies{
      [](auto& a) { a.prompt.clear(); },
      [](auto& a) { a.num_samples = 0; },
      [](auto& a) { a.num_samples = 1 << 30; },
      [](auto& a) { a.target_columns = 2; },
      [](auto& a) { a.target_columns = -1; },
      [](auto& a) { a.targets = {1}; },
      [](auto& a) { a.topk_prompt = 1 << 30; },
      [](auto& a) { a.topk_sample = -1; },
      [](auto& a) { a.alternatives = -1; },
      [](auto& a) { a.last_n = -1; },
      [](auto& a) { a.max_tokens = -1; },
      [](auto& a) { a.top_k = -1; },
      [](auto& a) { a.temperature = std::numeric_limits<double>::quiet_NaN(); },
      [](auto& a) { a.top_p = 2; },
  };
  sample_work w{"ann", "", {}};
  w.ask.prompt = {1, 2};
  CHECK(unpack_work(pack(work{0, w})));
  for (const auto& lie : lies) {
    auto bad = w;
    lie(bad.ask);
    CHECK(!unpack_work(pack(work{0, bad})));
  }
}

namespace {

/// A trainer whose step waits.
struct waiting_engine final : training_engine {
  struct trainer final : model_trainer {
    std::shared_future<void> until;
    result<std::map<std::string, double>> step(const lora::adam_params&) override {
      until.wait();
      return std::map<std::string, double>{};
    }
    result<trainer_state> save(bool) override { return trainer_state{{"{}", "w"}, "", 0}; }
    result<adapter_ptr> snapshot() override { return adapter_ptr(); }
  };
  struct worker final : pass_worker {
    void add(model_trainer&, const lora::loss_config&, std::span<const lora::training_datum>, bool,
             finished then, const std::string&) override {
      then(lora::pass_result{});
    }
    void step() override {}
    std::size_t size() const override { return 0; }
    std::size_t size(const std::string&) const override { return 0; }
  };
  std::shared_future<void> until;
  result<std::unique_ptr<model_trainer>> create(std::shared_ptr<const served_model>,
                                                const new_adapter&) override {
    auto t = std::make_unique<trainer>();
    t->until = until;
    return t;
  }
  result<std::unique_ptr<model_trainer>> open(std::shared_ptr<const served_model> m,
                                              const lora::adapter_files&,
                                              const std::string*) override {
    return create(std::move(m), {});
  }
  std::unique_ptr<pass_worker> passes() override { return std::make_unique<worker>(); }
};

}  // namespace

TEST_CASE("a gateway that asks for a second change before the first is made is refused") {
  std::promise<void> may_go;
  auto engine = std::make_unique<waiting_engine>();
  engine->until = may_go.get_future().share();
  std::mutex mutex;
  std::condition_variable came;
  std::map<std::uint64_t, from_worker> answers;
  trainer_desk desk(
      nullptr, {},
      [&](const std::string& p) {
        assembler a;
        auto m = unpack_from_worker(*a.take(p));
        const std::lock_guard lock(mutex);
        answers[m->number] = std::move(*m);
        came.notify_all();
      },
      std::move(engine));
  const auto ask = [&](std::uint64_t number, const work& w) {
    const auto pieces = pieces_of(pack(to_worker{"gate", number, pack(w)}), number);
    for (const auto& p : *pieces) REQUIRE(desk.take(p));
  };
  const auto answer = [&](std::uint64_t number) {
    std::unique_lock lock(mutex);
    REQUIRE(
        came.wait_for(lock, std::chrono::seconds(120), [&] { return answers.contains(number); }));
    const auto* e = std::get_if<error>(&answers[number].what);
    return e ? e->code : std::string();
  };
  ask(1, {1, new_adapter{}});
  CHECK(answer(1).empty());
  ask(2, {1, lora::adam_params{}});
  ask(3, {1, pass_data{"ann", {}, false, {{{1}, {}}}}});
  CHECK(answer(3) == "tinker.bad_work");
  may_go.set_value();
  CHECK(answer(2).empty());
  ask(4, {1, pass_data{"ann", {}, false, {{{1}, {}}}}});
  CHECK(answer(4).empty());
}
