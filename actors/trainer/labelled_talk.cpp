#include "actors/trainer/labelled_talk.hpp"

#include <fmt/format.h>

#include "actors/trainer/examples/text_example.hpp"
#include "engine/language/files/strict_json.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

enum : std::size_t { results_in, calls_in, adapter_in };
enum : std::size_t { requests_out, lessons_out, evaluations_out };

/// Until a version that the last evaluation condemned is taken back.
constexpr std::chrono::seconds for_the_verdict(2);

json told(std::span<const made_call> calls) {
  auto out = json::array();
  for (const auto& c : calls) {
    auto arguments = language::strict_json(c.arguments_json, "arguments");
    out.push_back({{"tool", c.tool}, {"arguments", arguments ? *arguments : json()}});
  }
  return out;
}

}  // namespace

void labelled_talk::config::visit(config_visitor& v) {
  const auto file_of = [&](const char* name, const char* doc, std::string& into, bool required) {
    v.field({.name = name, .doc = doc, .required = required, .is_path = true}, into);
  };
  file_of("practice",
          "requests of which lessons are made, a JSON object a line; none: others make adapters",
          practice, false);
  file_of("held_out", "requests of the same kinds that are never learnt", held_out, true);
  file_of("rest", "requests of other kinds, which must not get worse", rest, false);
  v.field({.name = "source",
           .doc = "the agent's tool source whose tools the labels name without it (`set_timer` for "
                  "`home.set_timer`); empty: they name tools as the agent does"},
          source);
  v.field({.name = "rounds", .doc = "of practice and training", .min = 0, .max = 1000}, rounds);
  v.field({.name = "group", .doc = "lessons of a packet", .min = 1, .max = 256}, group);
  v.field({.name = "learns", .doc = "lessons are made of", .choices = {"wrong", "all"}}, learns);
  v.field({.name = "limit_ms",
           .doc = "a request without a result by then has failed",
           .unit = "ms",
           .min = 100,
           .max = 3'600'000},
          limit_ms);
  v.field({.name = "wait_s",
           .doc = "for an adapter, after the lessons",
           .unit = "s",
           .min = 1,
           .max = 864'000},
          wait_s);
  v.field({.name = "file", .doc = "what was asked, called and found", .is_output = true}, file);
}

component_info labelled_talk::info() {
  const auto text_type = media_type{.kind = payload_kind::text};
  return {.type = "trainer.labelled_talk",
          .summary =
              "Asks an agent what files say, judges its calls, and makes lessons of what "
              "went wrong.",
          .inputs = {{"results", text_type, "what the agent answered", true,
                      default_queue(payload_kind::text)},
                     {"tool_calls",
                      {.kind = payload_kind::tool_call},
                      "what it called",
                      true,
                      default_queue(payload_kind::tool_call)},
                     {"adapter",
                      {.kind = payload_kind::adapter},
                      "which adapter it uses from now on",
                      false,
                      default_queue(payload_kind::adapter)}},
          .outputs = {{"requests", {.kind = payload_kind::delegation}, "one at a time"},
                      {"lessons",
                       {.kind = payload_kind::training_example},
                       "requests that went wrong, as they should have been worked on"},
                      {"evaluations", text_type, "JSON: the adapter and its scores"}},
          .source = true,
          .period_ms = 100};
}

result<void> labelled_talk::read(const std::string& path,
                                 std::vector<labelled_request>& into) const {
  if (path.empty()) return {};
  std::string readable = path;
  if (context_.may) {
    auto may = context_.may->readable(path);
    if (!may) return fail(may);
    readable = std::move(*may);
  }
  auto all = read_labelled(readable);
  if (!all) return fail(all);
  into = std::move(*all);
  if (!config_.source.empty())
    for (auto& r : into)
      for (auto& c : r.calls) c.tool = config_.source + "." + c.tool;
  return {};
}

result<void> labelled_talk::open(const context& where) {
  context_ = where;
  HOCKET_TRY(read(config_.held_out, held_out_));
  HOCKET_TRY(read(config_.rest, rest_));
  HOCKET_TRY(read(config_.practice, practice_));
  if (!capability_of(where)->keeps(trust::data_class::word)) return {};
  auto made = create_output(where, output_name(where, config_.file));
  if (!made) return fail(made);
  lines_.emplace(std::move(*made));
  return {};
}

void labelled_talk::note(const json& line) {
  if (!lines_) return;
  const auto text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  if (const auto done = lines_->write(text); !done) {
    context_.log("cannot be written any more: " + done.error().message);
    lines_.reset();
  }
}

const std::vector<labelled_request>& labelled_talk::asked_now() const {
  static const std::vector<labelled_request> none;
  switch (now_) {
    case phase::held_out: return held_out_;
    case phase::rest: return rest_;
    case phase::practice: return practice_;
    default: return none;
  }
}

result<source_state> labelled_talk::produce(timestamp, emitter& out) {
  const auto now = context_.time->now();
  if (open_ && now >= open_->asked + std::chrono::milliseconds(config_.limit_ms)) {
    context_.count("unanswered", 1);
    settle(true, out);
  }
  if (now_ == phase::waiting && now >= since_ + std::chrono::seconds(config_.wait_s)) {
    context_.count("without_adapter", 1);
    context_.log("no adapter came: the talk is over");
    now_ = phase::over;
  }
  if (!open_ && asks()) ask_next(out);
  if (now_ == phase::leaving && now >= since_ + for_the_verdict) now_ = phase::over;
  return now_ == phase::over ? source_state::end_of_stream : source_state::more;
}

void labelled_talk::ask_next(emitter& out) {
  while (asks() && next_ >= asked_now().size()) next_phase(out);
  if (!asks()) return;
  const auto& r = asked_now()[next_];
  open_ = open_request{++requests_, {}, context_.time->now()};
  delegation d;
  d.request = open_->id;
  d.task = r.task;
  d.transcript = r.transcript;
  context_.count("asked", 1);
  out.emit(requests_out, context_.time->now(), std::move(d));
}

result<void> labelled_talk::process(std::size_t port, const packet& p, emitter& out) {
  if (const auto* c = p.get_if<tool_call>(); c && port == calls_in && open_)
    if (c->request == open_->id) open_->calls.push_back({c->tool, c->arguments_json});
  if (const auto* t = p.get_if<text>(); t && port == results_in && open_)
    if (t->request == open_->id) {
      // The first word of a notice says that it is one, words that begin anew say that it is void.
      if (replaces(*t)) open_->failed = t->role == failure_role;
      if (t->final) settle(open_->failed, out);
    }
  if (const auto* a = p.get_if<adapter>(); a && port == adapter_in) {
    adapter_ = a->name;
    const auto card = json::parse(a->card_json, nullptr, false);
    const bool restored = card.is_object() && card.contains("restored_after");
    note({{"adapter", a->name}, {"restored", restored}, {"at_s", context_.time->now().seconds()}});
    if (now_ != phase::waiting) return {};
    now_ = phase::held_out, next_ = 0;
    ask_next(out);
  }
  return {};
}

void labelled_talk::settle(bool failed, emitter& out) {
  const auto& r = asked_now()[next_];
  const bool passed = scores_[now_].add(r, open_->calls, failed);
  if (passed) context_.count("passed", 1);
  if (failed) context_.count("failed", 1);
  if (now_ == phase::practice && (!passed || config_.learns == "all")) wrong_.push_back(r);
  auto line = to_json(r);
  const char* names[] = {"held_out", "rest", "practice"};
  line["set"] = names[static_cast<int>(now_)];
  line["round"] = round_, line["adapter"] = adapter_;
  line["at_s"] = context_.time->now().seconds();
  line["called"] = told(open_->calls), line["passed"] = passed;
  if (failed) line["failed"] = true;
  note(line);
  open_.reset();
  ++next_;
  ask_next(out);
}

void labelled_talk::next_phase(emitter& out) {
  next_ = 0;
  if (now_ == phase::held_out) {
    now_ = phase::rest;
  } else if (now_ == phase::rest) {
    tell_evaluation(out);
    since_ = context_.time->now();
    now_ = round_ < config_.rounds ? phase::practice : round_ > 0 ? phase::leaving : phase::over;
  } else {
    ++round_;
    since_ = context_.time->now();
    now_ = wrong_.empty() && !practice_.empty() ? phase::over : phase::waiting;
    tell_lessons(out);
  }
}

void labelled_talk::tell_evaluation(emitter& out) {
  json scores{{"held_out", scores_[phase::held_out].pass()}};
  if (!rest_.empty()) scores["rest"] = scores_[phase::rest].pass();
  context_.log(fmt::format("round {}: {} of {} held-out requests, {} of {} of the rest", round_,
                           scores_[phase::held_out].passed, scores_[phase::held_out].cases,
                           scores_[phase::rest].passed, scores_[phase::rest].cases));
  note({{"evaluation", round_},
        {"adapter", adapter_},
        {"at_s", context_.time->now().seconds()},
        {"held_out", scores_[phase::held_out].json()},
        {"rest", scores_[phase::rest].json()}});
  out.emit(evaluations_out, context_.time->now(),
           text{json{{"adapter", adapter_}, {"scores", scores}}.dump(), "evaluation"});
  scores_.clear();
}

void labelled_talk::tell_lessons(emitter& out) {
  const auto group = static_cast<std::size_t>(config_.group);
  for (std::size_t from = 0; from < wrong_.size(); from += group) {
    auto lessons = json::array();
    for (auto i = from; i < std::min(from + group, wrong_.size()); ++i)
      lessons.push_back(to_json(wrong_[i]));
    context_.count("lessons", static_cast<std::int64_t>(lessons.size()));
    out.emit(lessons_out, context_.time->now(),
             json_example({{"lessons", lessons}},
                          fmt::format("labelled talk, practice of round {}", round_)));
  }
  wrong_.clear();
}

}  // namespace hocket::trainer
