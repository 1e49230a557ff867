#include "actors/gateway/tinker/engine/request_link.hpp"

#include <atomic>
#include <limits>
#include <random>
#include <thread>

#include <doctest/doctest.h>

#include "actors/gateway/tinker/engine/linked_engines.hpp"
#include "actors/gateway/tinker/engine/trainer_desk.hpp"

using namespace hocket;
using namespace hocket::tinker;

namespace {

/// Trainers that add up the rates of their steps.
struct counting_engine final : training_engine {
  struct trainer final : model_trainer {
    double sum = 0;
    result<std::map<std::string, double>> step(const lora::adam_params& p) override {
      return std::map<std::string, double>{{"sum", sum += p.learning_rate}};
    }
    result<trainer_state> save(bool optimizer) override {
      return trainer_state{{"{}", "w"}, optimizer ? "m" : "", static_cast<std::int64_t>(sum)};
    }
    result<adapter_ptr> snapshot() override { return adapter_ptr(); }
  };
  struct worker final : pass_worker {
    void add(model_trainer& on, const lora::loss_config&,
             std::span<const lora::training_datum> data, bool, finished then,
             const std::string&) override {
      auto& t = static_cast<trainer&>(on);
      t.sum += static_cast<double>(data.size());
      then(lora::pass_result{{}, t.sum});
    }
    void step() override {}
    std::size_t size() const override { return 0; }
    std::size_t size(const std::string&) const override { return 0; }
  };
  result<std::unique_ptr<model_trainer>> create(std::shared_ptr<const served_model>,
                                                const new_adapter&) override {
    return std::make_unique<trainer>();
  }
  result<std::unique_ptr<model_trainer>> open(std::shared_ptr<const served_model>,
                                              const lora::adapter_files&,
                                              const std::string*) override {
    return std::make_unique<trainer>();
  }
  std::unique_ptr<pass_worker> passes() override { return std::make_unique<worker>(); }
};

/// A link and a trainer, and a network between them that loses and repeats packets by its seed.
struct stage {
  explicit stage(std::uint64_t seed = 0, request_link::settings s = {.what = "the trainer"})
      : random(seed),
        loses(seed != 0),
        link(
            std::move(s), into(to_desk), [this](const auto&) { return refuses; }, [](auto) {},
            now) {
    begin();
  }
  /// Another life of the trainer.
  void begin() {
    desk.reset();
    const std::lock_guard lock(mutex);
    to_link.clear(), to_desk.clear();
    desk = std::make_unique<trainer_desk>(nullptr, worker_identity{"sum", "fp32", 64, 256, "bits"},
                                          into(to_link), std::make_unique<counting_engine>());
  }
  std::function<void(std::string)> into(std::deque<std::string>& to) {
    return [this, &to](std::string piece) {
      const std::lock_guard lock(mutex);
      to.push_back(std::move(piece));
    };
  }
  std::deque<std::string> taken(std::deque<std::string>& from) {
    const std::lock_guard lock(mutex);
    std::deque<std::string> all;
    all.swap(from);
    return all;
  }
  int copies() { return !loses ? 1 : static_cast<int>(random() % 4 == 0 ? 0 : 1 + random() % 2); }
  /// Until it holds; a second of the link's time passes in a few turns. Two minutes at most.
  template <class Condition>
  bool becomes(Condition holds, bool connected = true) {
    for (int i = 0; i < 60'000 && !holds(); ++i) {
      now += std::chrono::milliseconds(300);
      link.tick(now);
      for (const auto& p : taken(to_desk))
        for (int n = connected ? copies() : 0; n > 0; --n) CHECK(desk->take(p));
      for (const auto& p : taken(to_link))
        for (int n = connected ? copies() : 0; n > 0; --n) link.arrived(p, now);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return holds();
  }
  /// Its result, in time.
  std::shared_ptr<std::optional<result<std::string>>> ask(const work& w,
                                                          bool needs_no_model = false) {
    auto said = std::make_shared<std::optional<result<std::string>>>();
    link.submit({.owner = "ann",
                 .work = pack(w),
                 .needs_no_model = needs_no_model,
                 .done = [said](result<std::string> r) {
                   CHECK(!said->has_value());
                   *said = std::move(r);
                 }});
    return said;
  }
  result<std::string> answer(const work& w, bool needs_no_model = false) {
    const auto said = ask(w, needs_no_model);
    REQUIRE(becomes([&] { return said->has_value(); }));
    return **said;
  }

  std::mt19937_64 random;
  bool loses;
  std::mutex mutex;
  std::deque<std::string> to_desk, to_link;
  std::optional<error> refuses;
  request_link::clock::time_point now{};
  std::unique_ptr<trainer_desk> desk;
  request_link link;
};

work step_of(std::uint64_t trainer, double rate) {
  lora::adam_params p;
  p.learning_rate = rate;
  return {trainer, p};
}
std::string code(const result<std::string>& r) { return r ? "" : r.error().code; }

}  // namespace

TEST_CASE("packets that are lost or come twice change nothing: each request is done once") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    stage s(seed);
    REQUIRE(s.answer({1, new_adapter{}}, true));
    REQUIRE(s.answer({2, new_adapter{}}, true));
    double sum = 0;
    for (int i = 1; i <= 6; ++i) {
      const auto both = std::pair(s.ask(step_of(1, i)), s.ask(step_of(2, 10 * i)));
      REQUIRE(s.becomes([&] { return both.first->has_value() && both.second->has_value(); }));
      REQUIRE(**both.first);
      sum += i;
      CHECK(unpack_metrics(***both.first)->at("sum") == sum);
      CHECK(unpack_metrics(***both.second)->at("sum") == 10 * sum);
    }
    const auto pass = s.answer({1, pass_data{"ann", {}, false, {{{1, 2}, {}}, {{3}, {}}}}});
    REQUIRE(pass);
    CHECK(unpack_pass(*pass)->loss == sum + 2);
  }
}

TEST_CASE(
    "another life of the trainer has no models: what was asked of it is told, what makes one is "
    "done") {
  stage s;
  REQUIRE(s.answer({1, new_adapter{}}, true));
  const auto lost = s.ask(step_of(1, 1));
  const auto made = s.ask({2, new_adapter{}}, true);
  s.begin();
  REQUIRE(s.becomes([&] { return lost->has_value() && made->has_value(); }));
  CHECK(code(**lost) == "tinker.model_lost");
  CHECK(**made);
  CHECK(code(s.answer(step_of(1, 1))) == "tinker.model_lost");
  CHECK(s.answer(step_of(2, 1)));
}

TEST_CASE("what ends every life of the worker is not sent a third time") {
  stage s;
  REQUIRE(s.answer({1, new_adapter{}}, true));
  const auto deadly = s.ask({2, new_adapter{}}, true);
  REQUIRE(s.becomes(
      [&] {
        s.begin();
        s.link.tick(s.now += std::chrono::seconds(1));
        // Its hello arrives, and what answers it; the request itself does not.
        const auto out = s.taken(s.to_desk);
        if (!out.empty()) CHECK(s.desk->take(out.front()));
        for (const auto& p : s.taken(s.to_link)) s.link.arrived(p, s.now);
        return deadly->has_value();
      },
      false));
  CHECK(code(**deadly) == "tinker.unreachable");
}

TEST_CASE("who is silent for long is given up, and welcome when it is back") {
  stage s;
  REQUIRE(s.answer({1, new_adapter{}}, true));
  const auto step = s.ask(step_of(1, 1));
  const auto make = s.ask({2, new_adapter{}}, true);
  REQUIRE(s.becomes([&] { return step->has_value() && make->has_value(); }, false));
  CHECK(code(**step) == "tinker.model_lost");  // done or not: nobody knows
  CHECK(code(**make) == "tinker.unreachable");
  const auto waits = s.ask({3, new_adapter{}}, true);
  REQUIRE(s.becomes([&] { return waits->has_value(); }, false));
  CHECK(code(**waits) == "tinker.unreachable");
  // Whoever asks before it has answered again is told the same.
  auto back = s.answer({4, new_adapter{}}, true);
  for (std::uint64_t i = 5; i < 100 && !back; ++i) back = s.answer({i, new_adapter{}}, true);
  CHECK(back.has_value());
}

TEST_CASE("what a trainer holds of a model is let go also where that is asked for in a silence") {
  stage s;
  REQUIRE(s.answer({1, new_adapter{}}, true));
  const auto step = s.ask(step_of(1, 1));
  REQUIRE(s.becomes([&] { return step->has_value(); }, false));
  int dropped = 0;
  for (int i = 0; i < 2; ++i)  // one waits for its turn, one may have been sent
    s.link.submit({.owner = "",
                   .work = pack(work{1, drop_work{}}),
                   .outlasts_silence = true,
                   .done = [&](const auto&) { ++dropped; }});
  const auto other = s.ask({2, new_adapter{}}, true);
  REQUIRE(s.becomes([&] { return other->has_value(); }, false));
  CHECK(dropped == 0);
  REQUIRE(s.becomes([&] { return dropped == 2; }));
  CHECK(code(s.answer(step_of(1, 1))) == "tinker.model_lost");
}

TEST_CASE("where the server itself stood still, nobody was silent") {
  stage s;
  REQUIRE(s.answer({1, new_adapter{}}, true));
  const auto step = s.ask(step_of(1, 1));
  s.link.tick(s.now += std::chrono::seconds(100));
  REQUIRE(s.becomes([&] { return step->has_value(); }));
  CHECK(**step);
}

TEST_CASE("who cannot be judged yet is asked nothing, and that does not wait for ever") {
  stage s;
  s.refuses = error{"tinker.unreachable", "nobody to compare it with"};
  const auto early = s.ask({1, new_adapter{}}, true);
  REQUIRE(s.becomes([&] { return early->has_value(); }));
  CHECK((*early)->error().message == "nobody to compare it with: ask again later");
  s.refuses.reset();
  bool fine = false;
  for (std::uint64_t i = 2; i < 100 && !fine; ++i)
    fine = s.answer({i, new_adapter{}}, true).has_value();
  CHECK(fine);
}

TEST_CASE("a worker of another model is refused by name, and taken once it is the right one") {
  stage s;
  s.refuses = error{"tinker.other_model", "another"};
  CHECK(code(s.answer({1, new_adapter{}}, true)) == "tinker.other_model");
  s.refuses.reset();
  REQUIRE(s.becomes([&] { return s.link.queued("ann") == 0; }));
  bool fine = false;
  for (int i = 0; i < 100 && !fine; ++i) fine = s.answer({2, new_adapter{}}, true).has_value();
  CHECK(fine);
}

TEST_CASE("trainer and sampler agree on the model, its precision and its bits") {
  const worker_identity same{"aa", "fp32", 64, 256, "11"};
  model_agreement a(64, 256, true), loose(64, 256, false);
  CHECK(!a.model_sha256());
  CHECK(a.sampler_is(same)->code == "tinker.unreachable");  // nobody to compare it with
  CHECK(!a.trainer_is(same));
  CHECK(!loose.trainer_is(same));
  CHECK(*a.model_sha256() == "aa");
  CHECK(!a.sampler_is(same));
  const auto refused = [&](auto change) {
    auto it = same;
    change(it);
    const auto no = a.sampler_is(it);
    return no ? no->code : "";
  };
  CHECK(refused([](auto& i) { i.model_sha256 = "bb"; }) == "tinker.other_model");
  CHECK(refused([](auto& i) { i.precision = "bfloat16"; }) == "tinker.other_model");
  CHECK(refused([](auto& i) { i.context = 32; }) == "tinker.other_model");
  CHECK(refused([](auto& i) { i.vocabulary = 300; }) == "tinker.other_model");
  CHECK(refused([](auto& i) { i.scores_sha256 = "22"; }) == "tinker.other_bits");
  auto other = same;
  other.scores_sha256 = "22";
  CHECK(!loose.sampler_is(other));
  other.vocabulary = 1;
  CHECK(a.trainer_is(other)->code == "tinker.other_model");
}

TEST_CASE("a server that was started again finds an empty trainer") {
  std::deque<std::string> out;
  std::mutex mutex;
  trainer_desk desk(
      nullptr, {},
      [&](std::string p) {
        const std::lock_guard lock(mutex);
        out.push_back(std::move(p));
      },
      std::make_unique<counting_engine>());
  const auto said = [&](const to_worker& m) {
    const auto pieces = pieces_of(pack(m), std::hash<std::string>()(m.server) + m.number);
    REQUIRE(pieces);
    for (const auto& p : *pieces) REQUIRE(desk.take(p));
    for (int i = 0; i < 60'000; ++i) {
      {
        const std::lock_guard lock(mutex);
        if (!out.empty()) break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const std::lock_guard lock(mutex);
    REQUIRE(!out.empty());
    assembler a;
    auto r = unpack_from_worker(*a.take(out.front()));
    out.pop_front();
    return std::move(r->what);
  };
  CHECK(std::holds_alternative<std::string>(said({"first", 1, pack(work{1, new_adapter{}})})));
  CHECK(std::holds_alternative<std::string>(said({"first", 2, pack(step_of(1, 1))})));
  const auto lost = said({"second", 1, pack(step_of(1, 1))});
  REQUIRE(std::holds_alternative<error>(lost));
  CHECK(std::get<error>(lost).code == "tinker.model_lost");
  CHECK(std::holds_alternative<std::string>(said({"second", 2, pack(work{1, new_adapter{}})})));
}

TEST_CASE("messages come out of their pieces whole, or not at all") {
  const std::string text = "a message that is longer than a piece";
  const auto pieces = pieces_of(text, 7, 8, 8);
  REQUIRE(pieces);
  CHECK(pieces->size() == 5);
  const auto put = [](assembler& a, const std::vector<std::string>& all) {
    std::string whole;
    for (const auto& p : all) {
      const auto got = a.take(p);
      REQUIRE(got);
      whole += *got;
    }
    return whole;
  };
  assembler a;
  auto twice = *pieces;
  twice.insert(twice.begin() + 1, twice[0]);
  CHECK(put(a, twice) == text);
  CHECK(put(a, *pieces).empty());  // the same message again
  auto lacking = *pieces_of(text, 8, 8, 8);
  lacking.erase(lacking.begin() + 2);
  CHECK(put(a, lacking).empty());
  CHECK(put(a, *pieces_of(text, 9, 8, 8)) == text);
  CHECK(!a.take("\xff\xff nonsense"));
  const auto large = pieces_of(text, 10, 8, 4);
  REQUIRE(!large);
  CHECK(large.error().code == "tinker.too_large");
}

TEST_CASE("requests and answers are the same on the other side, bit by bit") {
  sample_work w{"ann", "sum", {}};
  w.ask.prompt = {1, 2, 3}, w.ask.num_samples = 2, w.ask.max_tokens = 4, w.ask.seed = 5;
  w.ask.temperature = 0.1, w.ask.top_p = 0.9, w.ask.top_k = 7, w.ask.default_stops = false;
  w.ask.stop_texts = {"\xff"}, w.ask.stop_tokens = {9}, w.ask.prompt_logprobs = true;
  w.ask.topk_prompt = 1, w.ask.topk_sample = 2, w.ask.alternatives = 3, w.ask.last_n = 0;
  w.ask.target_columns = 1, w.ask.targets = {-1, 4};
  const auto back = unpack_work(pack(work{0, w}));
  REQUIRE(back);
  const auto& ask = std::get<sample_work>(back->what).ask;
  CHECK(pack(*back) == pack(work{0, w}));
  CHECK(ask.stop_texts == w.ask.stop_texts);
  CHECK(ask.last_n == 0);
  CHECK(ask.temperature == 0.1);
  CHECK(ask.targets == w.ask.targets);
  sample_answer a;
  a.sequences = {{true, {1}, {-0.1F}, {{{2}, {-3.0F}}}}};
  a.prompt_length = 3, a.prompt_logprobs = {std::numeric_limits<float>::quiet_NaN(), -1};
  a.prompt_top = {{}, {{1}, {-2.0F}}}, a.target_columns = 1, a.target_logprobs = {-4};
  a.alternatives = 1, a.alternative_rows = {{{3}, {-5.0F}}}, a.topk = 1;
  CHECK(pack(*unpack_sampled(pack(a))) == pack(a));
  lora::training_datum d{{1, 2}, {{"weights", {{2}, {0.5, 1.0}}}}};
  const work pass{3, pass_data{"ann", {lora::loss_kind::ppo, 0.8, 1.2, 0}, true, {d}}};
  CHECK(pack(*unpack_work(pack(pass))) == pack(pass));
  CHECK(pack_pass(3, "ann", {lora::loss_kind::ppo, 0.8, 1.2, 0}, true, {&d, 1}) == pack(pass));
  const work open{4, open_work{{"{}", std::string("\0w", 2)}, "moments"}};
  CHECK(std::get<open_work>(unpack_work(pack(open))->what).files.weights.size() == 2);
  CHECK(!unpack_work("\xff nonsense"));
  CHECK(!unpack_to_worker(""));
}
