#include "tools/duplex/understood.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

#include "engine/text/vocabulary.hpp"
#include "graph/trust/files.hpp"
#include "plugins/asr_pocketsphinx/recognizer.hpp"
#include "tools/duplex/item.hpp"
#include "tools/scenarios/model_voice.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::duplex {
namespace {

using asr_pocketsphinx::recognizer;

// What the answers of the turn family are made of.
std::set<std::string> answer_words() {
  std::set<std::string> out{"that", "is", "it", "let", "me", "check", "hundred", "okay"};
  for (int n = 0; n <= 99; ++n)
    for (const auto& w : engine::words_of(engine::words_of_number(n))) out.insert(w);
  for (const auto& e : scenarios::small_talk())
    for (const auto& w : engine::words_of(e.model)) out.insert(w);
  for (const auto& w : scenarios::weather_words()) out.insert(w);
  for (const auto& w : scenarios::city_words()) out.insert(w);
  return out;
}

}  // namespace

struct understanding::parts {
  std::set<std::string> words = answer_words();
  std::filesystem::path folder;
  std::unique_ptr<recognizer> model, teacher;
  ~parts() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
};

understanding::understanding() : parts_(std::make_unique<parts>()) {}
understanding::~understanding() = default;

result<std::unique_ptr<understanding>> understanding::open() {
  static std::atomic<int> number{0};
  std::unique_ptr<understanding> out(new understanding);
  auto& p = *out->parts_;
  p.folder = std::filesystem::temp_directory_path() /
             fmt::format("hocket-understood-{}-{}", ::getpid(), number++);
  const auto grammar = (p.folder / "answers.gram").string();
  HOCKET_TRY(trust::write_file(
      grammar, fmt::format("#JSGF V1.0;\ngrammar answers;\npublic <answer> = ({})+;\n",
                           fmt::join(p.words, " | "))));
  // The one word that the package's dictionary lacks.
  const auto lacking = (p.folder / "words.dict").string();
  HOCKET_TRY(trust::write_file(lacking, "hocket HH AA K AH T\n"));
  for (auto* slot : {&p.model, &p.teacher}) {
    auto made = recognizer::open({.grammar = grammar, .words = lacking});
    if (!made) return fail(made);
    *slot = std::move(*made);
  }
  return out;
}

result<void> understanding::listen(std::span<const float> sound, double from_s, timeline& into) {
  std::vector<std::string> said;
  for (const auto& w : into.words)
    if (w.at_s >= from_s && parts_->words.count(w.word) != 0) said.push_back(w.word);
  if (said.empty()) return {};
  const auto from = std::min(sound.size(), static_cast<std::size_t>(from_s * rate_hz));
  const auto heard = parts_->model->recognize(sound.subspan(from));
  if (!heard) return fail(heard);
  const auto& rendered =
      scenarios::model_voice::shared().say(fmt::format("{}", fmt::join(said, " ")));
  std::vector<float> padded(rate_hz / 5, 0.0f);
  padded.insert(padded.end(), rendered.samples.begin(), rendered.samples.end());
  padded.resize(padded.size() + rate_hz / 5);
  const auto teacher = parts_->teacher->recognize(padded);
  if (!teacher) return fail(teacher);
  into.spoken_words = static_cast<std::int64_t>(said.size());
  into.understood_words = common_words(said, engine::words_of(*heard));
  into.teacher_words = common_words(said, engine::words_of(*teacher));
  return {};
}

std::int64_t common_words(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::int64_t> row(b.size() + 1, 0);
  for (const auto& word : a) {
    std::int64_t diagonal = 0;
    for (std::size_t k = 0; k < b.size(); ++k) {
      const auto above = row[k + 1];
      row[k + 1] = word == b[k] ? diagonal + 1 : std::max(above, row[k]);
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace hocket::duplex
