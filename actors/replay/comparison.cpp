#include "actors/replay/comparison.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "actors/host/plan_view.hpp"
#include "graph/text/clean.hpp"

namespace hocket::replay {
namespace {

std::string bytes_differ(const char* what, const buffer& a, const buffer& b, std::size_t element) {
  const auto x = a.bytes(), y = b.bytes();
  if (x.size() != y.size())
    return fmt::format("{} {} became {}", x.size() / element, what, y.size() / element);
  const auto at = std::mismatch(x.begin(), x.end(), y.begin()).first - x.begin();
  if (at == static_cast<std::ptrdiff_t>(x.size())) return "";
  return fmt::format("{} differ from number {} on", what, static_cast<std::size_t>(at) / element);
}

/// `a` with the measured places of `b`: what is left to compare.
buffer without_measured(const tensor& a, const tensor& b,
                        const std::vector<std::int64_t>& measured) {
  if (measured.empty() || a.type != dtype::f32 || b.type != dtype::f32 || a.shape != b.shape ||
      a.shape.empty() || a.data.size_bytes() != b.data.size_bytes())
    return a.data;
  const auto x = a.data.as<float>(), y = b.data.as<float>();
  std::vector<float> out(x.begin(), x.end());
  for (std::size_t row = 0; row < out.size(); row += static_cast<std::size_t>(a.shape.back()))
    for (const auto place : measured)
      if (place < a.shape.back())
        out[row + static_cast<std::size_t>(place)] = y[row + static_cast<std::size_t>(place)];
  return buffer::take(std::move(out));
}

std::string floats_differ(const char* what, const buffer& a, const buffer& b) {
  auto out = bytes_differ(what, a, b, sizeof(float));
  if (out.empty() || a.size_bytes() != b.size_bytes()) return out;
  const auto x = a.as<float>(), y = b.as<float>();
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::memcmp(&x[i], &y[i], sizeof(float)) != 0)
      return fmt::format("{} ({} became {})", out, x[i], y[i]);
  return out;
}

std::string words_differ(const char* what, const std::string& a, const std::string& b) {
  // What a component says as it likes was cleaned on its way into the file and back.
  if (a == b || clean_text(a) == clean_text(b)) return "";
  return fmt::format("another {} ({} characters became {})", what, a.size(), b.size());
}

template <class T>
std::string number_differs(const char* what, const T& a, const T& b) {
  return a == b ? "" : fmt::format("{} {} became {}", what, a, b);
}

/// The first that is not empty.
template <class... Strings>
std::string first_of(std::string one, Strings... more) {
  if constexpr (sizeof...(more) == 0)
    return one;
  else
    return one.empty() ? first_of(std::move(more)...) : one;
}

struct differ {
  const std::vector<std::int64_t>& measured;
  std::string operator()(const audio_chunk& a, const audio_chunk& b) const {
    return first_of(number_differs("rate_hz", a.rate_hz, b.rate_hz),
                    number_differs("channels", a.channels, b.channels),
                    number_differs("first_sample", a.first_sample, b.first_sample),
                    floats_differ("samples", a.samples, b.samples));
  }
  std::string operator()(const video_frame& a, const video_frame& b) const {
    return first_of(number_differs("width", a.width, b.width),
                    number_differs("height", a.height, b.height),
                    bytes_differ("pixel bytes", a.pixels, b.pixels, 1));
  }
  std::string operator()(const tensor& a, const tensor& b) const {
    return first_of(number_differs("type", to_string(a.type), to_string(b.type)),
                    a.shape == b.shape ? std::string() : std::string("another shape"),
                    a.type == dtype::f32
                        ? floats_differ("elements", without_measured(a, b, measured), b.data)
                        : bytes_differ("elements", a.data, b.data, size_bytes(a.type)));
  }
  std::string operator()(const text& a, const text& b) const {
    return first_of(words_differ("text", a.value, b.value), words_differ("role", a.role, b.role),
                    number_differs("request", a.request, b.request),
                    number_differs("final", a.final, b.final));
  }
  std::string operator()(const tool_call& a, const tool_call& b) const {
    return first_of(number_differs("call", a.call, b.call),
                    number_differs("request", a.request, b.request),
                    number_differs("tool", a.tool, b.tool),
                    words_differ("argument text", a.arguments_json, b.arguments_json));
  }
  std::string operator()(const tool_result& a, const tool_result& b) const {
    return first_of(number_differs("call", a.call, b.call),
                    number_differs("request", a.request, b.request),
                    number_differs("tool", a.tool, b.tool),
                    number_differs("status", to_string(a.status), to_string(b.status)),
                    words_differ("content", a.content, b.content));
  }
  std::string operator()(const delegation& a, const delegation& b) const {
    return first_of(number_differs("request", a.request, b.request),
                    number_differs("action", static_cast<int>(a.what), static_cast<int>(b.what)),
                    words_differ("task", a.task, b.task),
                    words_differ("transcript", a.transcript, b.transcript),
                    number_differs("from_micro_turn", a.from_micro_turn, b.from_micro_turn),
                    number_differs("to_micro_turn", a.to_micro_turn, b.to_micro_turn),
                    number_differs("supersedes", a.supersedes, b.supersedes));
  }
  std::string operator()(const training_example& a, const training_example& b) const {
    if (a.provenance != b.provenance) return "another provenance";
    if (a.tensors.size() != b.tensors.size())
      return number_differs("tensors", a.tensors.size(), b.tensors.size());
    for (std::size_t i = 0; i < a.tensors.size(); ++i) {
      if (a.tensors[i].first != b.tensors[i].first) return "tensors of other names";
      if (auto d = (*this)(a.tensors[i].second, b.tensors[i].second); !d.empty())
        return a.tensors[i].first + ": " + d;
    }
    return "";
  }
  std::string operator()(const adapter& a, const adapter& b) const {
    return first_of(number_differs("name", a.name, b.name),
                    words_differ("card", a.card_json, b.card_json),
                    bytes_differ("weight bytes", a.weights, b.weights, 1));
  }
  std::string operator()(const control& a, const control& b) const {
    return first_of(number_differs("control", to_string(a.what), to_string(b.what)),
                    number_differs("value", a.value, b.value),
                    words_differ("detail", a.detail, b.detail));
  }
  template <class A, class B>
  std::string operator()(const A&, const B&) const {
    return "another kind of payload";
  }
};

std::string where(session_id session, std::uint64_t seq) {
  return fmt::format("session {} packet {}", static_cast<std::uint64_t>(session), seq);
}

void note_missing(compared_output& sum, const record::recorded_packet& p) {
  if (sum.first_difference.empty())
    sum.first_difference = fmt::format("{} ({:.3f} s): was never emitted again",
                                       where(p.session, p.seq), p.ts.seconds());
}

}  // namespace

std::string difference(const payload& recorded, const payload& replayed,
                       const std::vector<std::int64_t>& measured) {
  return std::visit(differ{measured}, recorded, replayed);
}

comparison::comparison(const plan& graph, std::shared_ptr<const record::recording> from,
                       const std::vector<std::string>& live, bool epochs)
    : from_(std::move(from)), live_(live), epochs_(epochs) {
  take_up(graph);
}

// As the recorder does it: who comes, or comes back, counts its packets from zero.
void comparison::take_up(const plan& graph) {
  outputs_.resize(graph.actors.size());
  runs_.resize(graph.actors.size());
  for (std::size_t a = 0; a < graph.actors.size(); ++a) {
    const auto& actor = graph.actors[a];
    const bool came = !actor.removed && !runs_[a];
    runs_[a] = !actor.removed;
    if (!came) continue;
    auto& row = outputs_[a];
    row.assign(actor.type->info.outputs.size(), {});
    if (std::find(live_.begin(), live_.end(), actor.name) == live_.end()) continue;
    for (std::size_t port = 0; port < row.size(); ++port) {
      const auto* recorded =
          from_->find(host::output_name(graph, static_cast<actor_index>(a), port));
      if (recorded == nullptr) continue;
      auto& out = output_of(*recorded, actor.type->info.outputs[port].measured);
      row[port] = {&out, out.taken++};
    }
  }
}

comparison::output& comparison::output_of(const record::recorded_output& recorded,
                                          const std::vector<std::int64_t>& measured) {
  for (auto& o : all_)
    if (o.sum.name == recorded.name) return o;
  auto& out = all_.emplace_back();
  out.sum.name = recorded.name;
  out.measured = measured;
  out.sum.recorded = recorded.packets;
  out.lives.emplace_back();
  auto begins = recorded.begins.begin();
  for (std::size_t i = 0; i < recorded.items.size(); ++i) {
    for (; begins != recorded.begins.end() && *begins == i; ++begins) out.lives.emplace_back();
    const auto& item = recorded.items[i];
    if (!item.is_mark) out.lives.back()[item.session].expected.push_back(&item);
  }
  for (auto& l : out.lives)
    for (auto& [id, s] : l)
      std::stable_sort(s.expected.begin(), s.expected.end(),
                       [](const auto* x, const auto* y) { return x->seq < y->seq; });
  return out;
}

std::string comparison::compare(const record::recorded_packet& expected, const packet& p,
                                const std::vector<std::int64_t>& measured) const {
  if (expected.ts != p.header.ts)
    return fmt::format("at {} ms became {} ms", expected.ts.ms(), p.header.ts.ms());
  if (epochs_ && expected.epoch != p.header.epoch)
    return fmt::format("epoch {} became {}", expected.epoch, p.header.epoch);
  const auto recorded = from_->read(expected);
  return recorded ? difference(*recorded->body, *p.body, measured) : recorded.error().message;
}

void comparison::packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) {
  const auto& place = outputs_[actor][port];
  if (place.what == nullptr) return;
  auto& out = *place.what;
  ++out.sum.replayed;
  if (out.lives.size() <= place.life) out.lives.resize(place.life + 1);
  auto& s = out.lives[place.life][p.header.session];
  for (; s.next < s.expected.size() && s.expected[s.next]->seq < p.header.seq; ++s.next)
    note_missing(out.sum, *s.expected[s.next]);
  const bool more_in_recording = s.next < s.expected.size();
  std::string why;
  if (more_in_recording && s.expected[s.next]->seq == p.header.seq)
    why = compare(*s.expected[s.next++], p, out.measured);
  else if (more_in_recording)
    return;  // the recording has a gap here
  else if (from_->ends_before_its_run())
    return;
  else
    why = "is not in the recording, which ended before it";
  if (why.empty())
    ++out.sum.same;
  else if (out.sum.first_difference.empty())
    out.sum.first_difference = fmt::format(
        "{} ({:.3f} s): {}", where(p.header.session, p.header.seq), p.header.ts.seconds(), why);
}

std::vector<compared_output> comparison::results(
    const std::function<bool(const std::string& output, timestamp at)>& excused) const {
  std::vector<compared_output> out;
  for (const auto& o : all_) {
    auto& sum = out.emplace_back(o.sum);
    for (const auto& l : o.lives)
      for (const auto& [id, s] : l)
        for (auto i = s.next; i < s.expected.size(); ++i) {
          if (excused && excused(sum.name, s.expected[i]->at))
            --sum.recorded;
          else
            note_missing(sum, *s.expected[i]);
        }
  }
  return out;
}

}  // namespace hocket::replay
