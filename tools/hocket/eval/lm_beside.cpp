#include "tools/hocket/eval/lm_beside.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "engine/interaction/session.hpp"
#include "engine/transformer/background.hpp"

namespace hocket::cli {
namespace {

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point from) {
  return std::chrono::duration<double>(clock::now() - from).count();
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

/// Wall times of micro-turns of a talk in real time, ms.
result<std::vector<double>> paced(const std::shared_ptr<const engine::interaction_model>& model,
                                  std::int64_t turns) {
  engine::session talk(model, {});
  engine::session* one = &talk;
  const auto& c = model->description().config;
  engine::micro_turn_input in;
  // What it hears is no speech: the time of a micro-turn does not depend on it.
  for (int i = 0; i < c.layout.audio * c.dmel_channels; ++i)
    in.audio.push_back(static_cast<std::uint8_t>(i * 7 % 16));
  in.video.assign(static_cast<std::size_t>(c.video_size()), 100);
  std::vector<double> out;
  const auto began = clock::now();
  for (std::int64_t k = 0; k < turns; ++k) {
    std::this_thread::sleep_until(began + k * std::chrono::milliseconds(200));
    const auto from = clock::now();
    {
      // As the actor does (actors/interaction).
      const engine::turn_gate::hold first(engine::turn_gate::of_process());
      if (const auto said = engine::batch_step({&one, 1}, {&in, 1}); !said) return fail(said);
    }
    out.push_back(seconds_since(from) * 1000);
  }
  return out;
}

double percentile_99(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[(v.size() - 1) * 99 / 100];
}

}  // namespace

result<void> measure_beside(bool quick,
                            const std::shared_ptr<const language::language_model>& model,
                            progress& shown, report::measures& out) {
  const auto talker = engine::interaction_model::load("configs/models/duplex", "cpu");
  if (!talker) {
    report::measure none;
    none.name = "lm.micro_turn_beside.ratio", none.not_run = talker.error().message;
    out.add(std::move(none));
    return {};
  }
  const std::int64_t turns = quick ? 50 : 300;
  shown.next("lm: micro-turns alone");
  const auto alone = paced(*talker, turns);
  if (!alone) return fail(alone);
  shown.next("lm: micro-turns beside a model that speaks");
  std::atomic<bool> over{false};
  std::int64_t tokens = 0;
  std::optional<error> failed;  // a model that fell silent disturbs nobody: no figure
  const auto before = engine::turn_gate::of_process().waits();
  std::thread speaker([&] {
    language::language_sequence s(model);
    s.help_with(std::make_shared<engine::work_pool>(2));
    while (!over) {
      if (const auto said = s.append(std::vector<std::int32_t>{5}); !said) {
        failed = said.error();
        return;
      }
      ++tokens;
      if (s.length() > 1000) s.rewind(0);
    }
  });
  const auto began = clock::now();
  const auto beside = paced(*talker, turns);
  const double took = seconds_since(began);
  over = true;
  speaker.join();
  if (!beside) return fail(beside);
  if (failed) return fail(failed->code, "the model that speaks beside: " + failed->message);
  const double a = percentile_99(*alone), b = percentile_99(*beside);
  out.add("lm.micro_turn_alone.p50_ms", median(*alone), "ms", turns);
  out.add("lm.micro_turn_alone.p99_ms", a, "ms", turns);
  out.add("lm.micro_turn_beside.p50_ms", median(*beside), "ms", turns);
  out.add("lm.micro_turn_beside.p99_ms", b, "ms", turns);
  out.add("lm.micro_turn_beside.ratio", b / a, "ratio", turns, 1.5, report::goal::at_most);
  out.add("lm.micro_turn_beside.tokens_per_s", static_cast<double>(tokens) / took, "1/s", tokens);
  out.add("lm.micro_turn_beside.waits",
          static_cast<double>(engine::turn_gate::of_process().waits() - before), "", turns);
  return {};
}

}  // namespace hocket::cli
