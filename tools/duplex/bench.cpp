#include "tools/duplex/bench.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "engine/audio/wav.hpp"
#include "graph/trust/files.hpp"
#include "tools/duplex/driver.hpp"
#include "tools/duplex/judged.hpp"
#include "tools/duplex/own_voice.hpp"
#include "tools/duplex/understood.hpp"
#include "tools/duplex/voice.hpp"

namespace hocket::duplex {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

std::string file_of(const std::string& out, const std::string& key) {
  return (fs::path(out) / "items" / (key + ".json")).string();
}

std::optional<played_item> stored(const std::string& out, const item_spec& spec) {
  if (out.empty()) return std::nullopt;
  std::ifstream in(file_of(out, spec.key()));
  if (!in) return std::nullopt;
  const auto j = nlohmann::json::parse(in, nullptr, false);
  if (!j.is_object() || !j.contains("item") || !j.contains("timeline")) return std::nullopt;
  try {
    return played_item{item_of(j.at("item")), timeline_of(j.at("timeline")), {}};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // of a killed run, or edited: it is played again
  }
}

result<void> store(const std::string& out, const played_item& o, const driven& d, bool keep_sound,
                   const std::vector<float>& person) {
  if (out.empty()) return {};
  const fs::path path = file_of(out, o.of.key());
  if (keep_sound) {
    std::vector<float> both(person.size() * 2);
    for (std::size_t i = 0; i < person.size(); ++i)
      both[2 * i] = person[i], both[2 * i + 1] = i < d.sound.size() ? d.sound[i] : 0;
    HOCKET_TRY(engine::write_wav(fs::path(path).replace_extension(".wav").string(), both, 2));
  }
  // Whole or not at all: a run may be killed at any time.
  const json what{{"item", metadata_of(o.of)}, {"timeline", json_of(o.did)}};
  if (auto done = trust::write_file(path.string(), what.dump() + "\n"); !done)
    return fail("duplex.file", "cannot write " + done.error().message);
  return {};
}

struct file_facts final : config_visitor {
  std::string text;
  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<std::string>&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& info, std::string& v) override {
    if (!info.is_path || v.empty()) return;
    std::vector<std::string> files;
    std::error_code failed;
    const auto add = [&](const fs::directory_entry& e) {
      if (e.is_regular_file(failed))
        files.push_back(fmt::format("{} {} {}", e.path().string(), e.file_size(failed),
                                    e.last_write_time(failed).time_since_epoch().count()));
    };
    if (fs::is_directory(v, failed))
      for (const auto& e : fs::recursive_directory_iterator(v, failed)) add(e);
    else if (fs::exists(v, failed))
      add(fs::directory_entry(v, failed));
    std::ranges::sort(files);
    for (const auto& f : files) text += f + "\n";
  }
};

std::string short_hash(const std::string& text) {
  std::uint64_t hash = 1469598103934665603ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return fmt::format("{:016x}", hash);
}

result<void> claim(const std::string& out, const std::string& identity, bool fresh) {
  if (out.empty()) return {};
  const fs::path note = fs::path(out) / "run.json";
  std::error_code failed;
  if (fresh) {
    fs::remove_all(fs::path(out) / "items", failed);
    fs::remove(fs::path(out) / judged_file, failed);  // it was about those
  }
  std::ifstream in(note);
  if (in && !fresh) {
    const auto j = nlohmann::json::parse(in, nullptr, false);
    const auto held = j.is_object() ? j.value("identity", "") : "";
    if (held != identity)
      return fail("duplex.other_run", out +
                                          " holds results of another graph, model, seed or way "
                                          "of running: give another --out, or --fresh to begin "
                                          "again");
    return {};
  }
  const auto done = trust::write_file(note.string(), json{{"identity", identity}}.dump() + "\n");
  return done ? done : fail("duplex.file", "cannot write " + done.error().message);
}

/// The recogniser listens to the answers of the turn family.
std::unique_ptr<understanding> ear_for(const item& first) {
  if (first.family != "turn" || first.condition != "clean") return nullptr;
  auto made = understanding::open();
  return made ? std::move(*made) : nullptr;  // the measure is then `not run`
}

void listen_to(const item& of, driven& d, understanding* ear) {
  if (of.family != "turn" || of.condition != "clean") return;
  const double begin = of.sounds.empty() ? of.from_s : of.sounds.front().from_s();
  if (!find_any(d.did, of.expect.replies, begin)) return;
  hear_own_voice(d.sound, d.first_border, begin, d.did);
  if (ear && !ear->listen(d.sound, begin, d.did)) d.did.spoken_words = 0;
}

using group = std::vector<std::size_t>;  // indices of specs

std::vector<group> groups_of(const std::vector<item_spec>& specs, int batch) {
  std::vector<group> out;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].family == "session") continue;
    const bool fits = !out.empty() && out.back().size() < static_cast<std::size_t>(batch) &&
                      specs[out.back().front()].family == specs[i].family &&
                      specs[out.back().front()].condition == specs[i].condition;
    if (!fits) out.emplace_back();
    out.back().push_back(i);
  }
  return out;
}

/// The work of one run: what is still to do, and what came of it.
class bench_run {
 public:
  bench_run(const subject& what, std::uint64_t seed, const std::vector<item_spec>& specs,
            const bench_settings& how)
      : what_(what), seed_(seed), specs_(specs), how_(how), results_(specs.size()) {}

  /// `jobs` groups at a time: first their items are made, then they are played at once. Speech is
  /// not synthesised while graphs run: flite draws noise from rand(), which all threads share, and
  /// an item has to be the same in every run.
  result<void> play_all(const std::vector<group>& todo, std::size_t jobs) {
    for (std::size_t at = 0; at < todo.size(); at += jobs) {
      std::vector<work> together;
      for (std::size_t i = at; i < std::min(at + jobs, todo.size()); ++i) {
        auto made = prepare(todo[i]);
        if (!made) return fail(made);
        together.push_back(std::move(*made));
      }
      std::vector<std::thread> workers;
      for (auto& w : together)
        if (!w.items.empty()) workers.emplace_back([&w, this] { w.ended = play(w); });
      for (auto& w : workers) w.join();
      for (const auto& w : together) {
        HOCKET_TRY(w.ended);
        done_ += w.which->size();
        if (how_.progress) how_.progress(done_, specs_.size(), specs_[w.which->front()].key());
      }
    }
    return {};
  }

  std::vector<played_item> take() {
    std::vector<played_item> out;
    for (auto& r : results_) {
      r->judged = score(r->of, r->did);
      out.push_back(std::move(*r));
    }
    return out;
  }

 private:
  struct work {
    const group* which = nullptr;
    std::vector<item> items;  ///< empty where all is there already
    result<void> ended;
  };

  result<work> prepare(const group& g) {
    work out;
    out.which = &g;
    bool complete = true;
    for (const std::size_t i : g) {
      results_[i] = stored(how_.out, specs_[i]);
      complete = complete && results_[i].has_value();
    }
    for (std::size_t k = 0; !complete && k < g.size(); ++k) {
      auto made = make_item(seed_, specs_[g[k]], how_.bank);
      if (!made) return fail(made);
      out.items.push_back(std::move(*made));
    }
    return out;
  }

  result<void> play(work& w) {
    const group& g = *w.which;
    std::vector<const item*> played;
    for (const auto& i : w.items) played.push_back(&i);
    const fs::path folder =
        fs::temp_directory_path() / fmt::format("hocket-duplex-{}-{}", ::getpid(), g.front());
    auto done = drive(what_, played, {how_.real_time, folder.string()});
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    if (!done) return fail(done.error().code, w.items.front().key() + ": " + done.error().message);
    const auto ear = ear_for(w.items.front());
    for (std::size_t k = 0; k < g.size(); ++k) {
      const auto person = std::move(w.items[k].input);
      w.items[k].input.clear();
      w.items[k].clean_input.clear();
      w.items[k].frames.clear();
      auto& did = (*done)[k].did;
      const auto& sound = (*done)[k].sound;
      if (const auto voice = voice_around(w.items[k], sound, did)) did.voice = values_of(*voice);
      listen_to(w.items[k], (*done)[k], ear.get());
      auto& slot = results_[g[k]];
      slot = played_item{std::move(w.items[k]), std::move((*done)[k].did), {}};
      HOCKET_TRY(store(how_.out, *slot, (*done)[k], how_.keep_sound, person));
    }
    return {};
  }

  const subject& what_;
  const std::uint64_t seed_;
  const std::vector<item_spec>& specs_;
  const bench_settings& how_;
  std::vector<std::optional<played_item>> results_;
  std::size_t done_ = 0;
};

}  // namespace

std::string identity_of(const subject& what, std::uint64_t seed, const bench_settings& how) {
  file_facts facts;
  for (const auto& a : what.graph.actors)
    if (a.config && !a.type->info.source) a.config->visit(facts);
  std::string ports = name_of(what.graph, what.person) + name_of(what.graph, what.audio);
  for (const auto& p : what.texts) ports += name_of(what.graph, p);
  // Runs side by side disturb each other's clock, but not virtual time.
  std::string voices;
  for (const auto* kind :
       {how.bank ? &how.bank->neural() : nullptr, how.bank ? &how.bank->people() : nullptr})
    for (std::size_t i = 0; kind && i < kind->size(); ++i)
      voices += fmt::format("{} {} ", (*kind)[i].name, (*kind)[i].samples.size());
  return short_hash(fmt::format("{}|{}|{}|{}|{}|{}{}", what.graph.hash, facts.text, ports, seed,
                                how.batch, how.real_time ? how.jobs : 0, voices));
}

result<work_left> left_to_play(std::uint64_t seed, const std::vector<item_spec>& specs,
                               const std::string& out, const scenarios::speech_bank* bank) {
  work_left left;
  std::map<std::string, double> length_s;
  for (const auto& spec : specs) {
    std::error_code ignored;
    if (!out.empty() && fs::exists(file_of(out, spec.key()), ignored)) continue;
    ++left.items;
    if (spec.family == "session") {
      left.seconds += 60 * spec.minutes;
      continue;
    }
    auto& length = length_s[spec.family];
    if (length == 0) {
      auto made = make_item(seed, spec, bank);
      if (!made) return fail(made);
      length = made->length_s();
    }
    left.seconds += length;
  }
  return left;
}

result<std::vector<played_item>> run_bench(const subject& what, std::uint64_t seed,
                                           const std::vector<item_spec>& specs,
                                           const bench_settings& how) {
  HOCKET_TRY(claim(how.out, identity_of(what, seed, how), how.fresh));
  bench_run run(what, seed, specs, how);
  HOCKET_TRY(run.play_all(groups_of(specs, how.batch), static_cast<std::size_t>(how.jobs)));
  std::vector<group> sessions;
  for (std::size_t i = 0; i < specs.size(); ++i)
    if (specs[i].family == "session") sessions.push_back({i});
  HOCKET_TRY(run.play_all(sessions, 1));
  return run.take();
}

}  // namespace hocket::duplex
