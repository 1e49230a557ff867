#include "actors/record/recording.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/record/sealed_file.hpp"
#include "graph/core/time_range.hpp"
#include "graph/schema/recorded.hpp"

namespace hocket::record {
namespace {

constexpr std::size_t problems_max = 20;
constexpr std::size_t revisions_max = 10'000;

recorded_event event_of(timestamp at, const mcap_message& m) {
  recorded_event e;
  e.at = at;
  const auto text = chars(m.data.bytes());
  const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  const auto field = [&](const char* key) {
    const bool has = json.is_object() && json.contains(key) && json[key].is_string();
    return has ? json[key].get<std::string>() : std::string();
  };
  e.actor = field("actor");
  e.what = field("what");
  e.detail = field("detail");
  return e;
}

/// Bounds, ends and interruptions are what an actor says about a stream; the host never sends them.
bool is_mark(const packet& p) {
  const auto* c = p.get_if<control>();
  return c != nullptr &&
         (c->what == control::kind::bound || c->what == control::kind::end_of_stream ||
          c->what == control::kind::interrupt);
}

/// Senders number from 0 without gaps: how many of their packets are not here, over all sessions.
/// `joined`: the recorder came later, and the first that it saw was the first that it could see.
std::uint64_t missing_in(const std::vector<recorded_packet>& items, bool joined) {
  struct range {
    std::uint64_t packets = 0, first = UINT64_MAX, last = 0;
  };
  std::map<session_id, range> seen;
  for (const auto& i : items) {
    if (i.is_mark) continue;
    auto& s = seen[i.session];
    ++s.packets;
    s.first = std::min(s.first, i.seq);
    s.last = std::max(s.last, i.seq);
  }
  std::uint64_t out = 0;
  for (const auto& [session, s] : seen) {
    const auto span = s.last - (joined ? s.first : 0) + 1;
    if (span > s.packets) out += span - s.packets;
  }
  return out;
}

}  // namespace

result<std::shared_ptr<const recording>> recording::open(const std::string& path,
                                                         const mcap_limits& limits) {
  auto from = open_source(path);
  if (!from) return fail(from);
  auto opened = open(std::move(*from), limits);
  if (!opened) return fail(opened.error().code, path + ": " + opened.error().message);
  return opened;
}

result<std::shared_ptr<const recording>> recording::open(std::unique_ptr<byte_source> from,
                                                         const mcap_limits& limits) {
  std::shared_ptr<recording> made(new recording(std::move(from), limits));
  HOCKET_TRY(made->index());
  return std::shared_ptr<const recording>(std::move(made));
}

void recording::complain(std::string what) {
  if (problems_.size() < problems_max) problems_.push_back(std::move(what));
  if (problems_.size() == problems_max) problems_.push_back("… and more");
}

result<void> recording::index() {
  auto contents = read_contents(*from_, limits_);
  if (!contents) return fail(contents);
  contents_ = std::move(*contents);
  for (const auto& [name, values] : contents_.metadata)
    if (name == facts_name) facts_ = values;
  unix_zero_ns_ = static_cast<std::int64_t>(number_at<std::uint64_t>(facts_, "unix_zero_ns"));
  if (!contents_.problem.empty()) complain(contents_.problem);
  if (auto wrong = seal_problem(*from_); !wrong.empty()) complain(std::move(wrong));
  if (contents_.loose_messages > 0)
    complain(fmt::format("{} messages outside of chunks are not read", contents_.loose_messages));
  auto text = attached(std::string(graph_attachment));
  if (!text) return fail(text);
  graph_yaml_ = std::move(*text);
  HOCKET_TRY(read_revisions());
  for (std::uint32_t i = 0; i < contents_.chunks.size(); ++i) {
    const auto bytes = read_chunk(*from_, contents_.chunks[i], limits_);
    if (!bytes && bytes.error().code == code_of(mcap_error::cannot_read)) return fail(bytes);
    const auto done = bytes ? index_chunk(i, *bytes) : result<void>(fail(bytes));
    if (!done) complain(done.error().message);
  }
  finish_index();
  if (outputs_.empty() && facts_.empty())
    return fail("record.not_a_recording", "an MCAP file, but not one of Hocket's recordings");
  read_verdict();
  return {};
}

result<std::string> recording::attached(const std::string& name) const {
  for (const auto& a : contents_.attachments)
    if (a.name == name) return read_attachment(*from_, a, limits_);
  return std::string();
}

result<void> recording::read_revisions() {
  std::size_t size_bytes = 0;
  for (const auto& [name, values] : contents_.metadata) {
    if (name != revision_name) continue;
    const auto said = [&values = values](const char* key) {
      const auto it = values.find(key);
      return it == values.end() ? std::string() : it->second;
    };
    recorded_revision r;
    r.number = static_cast<int>(number_at<std::uint64_t>(values, "revision"));
    r.from = timestamp(static_cast<std::int64_t>(number_at<std::uint64_t>(values, "from_ns")));
    r.micro_turn = static_cast<std::int64_t>(number_at<std::uint64_t>(values, "micro_turn"));
    r.hash = said("graph_hash");
    auto text = attached(said("graph"));
    if (!text) return fail(text);
    r.graph_yaml = std::move(*text);
    size_bytes += r.graph_yaml.size();
    if (size_bytes > limits_.record_bytes || revisions_.size() >= revisions_max) {
      complain("more revisions than a recording holds");
      return {};
    }
    if (r.graph_yaml.empty())
      complain(fmt::format("the graph of revision {} is not in the file", r.number));
    if (!is_time(r.from.ns()) || !is_time(r.micro_turn))
      complain(fmt::format("revision {} begins at what is no time of a run", r.number));
    else if (!revisions_.empty() && r.from <= revisions_.back().from)
      complain(fmt::format("revision {} is out of order", r.number));
    else
      revisions_.push_back(std::move(r));
  }
  return {};
}

timestamp recording::stream_time(std::uint64_t file_time) const {
  // Unsigned: a stranger's file may hold any two numbers.
  return timestamp(
      static_cast<std::int64_t>(file_time - static_cast<std::uint64_t>(unix_zero_ns_)));
}

result<void> recording::index_chunk(std::uint32_t number, const buffer& chunk) {
  return each_message(chunk, &contents_,
                      [&](const mcap_message& m, std::uint64_t offset) -> result<void> {
                        index_packet(number, offset, m);
                        return {};
                      });
}

void recording::index_packet(std::uint32_t chunk, std::uint64_t offset, const mcap_message& m) {
  const auto c = contents_.channels.find(m.channel_id);
  if (c == contents_.channels.end()) return complain("a message of an unknown channel");
  const auto at = stream_time(m.log_time_ns);
  if (!is_time(at.ns())) return complain("a message at what is no time of a run");
  if (c->second.topic == events_topic) return events_.push_back(event_of(at, m));
  if (c->second.topic == calls_topic) {
    const auto call = call_from_json(chars(m.data.bytes()));
    if (!call) return complain(call.error().message);
    calls_.push_back({call->order_ns, chunk, static_cast<std::uint32_t>(offset)});
    return;
  }
  const auto schema = contents_.schemas.find(c->second.schema_id);
  if (schema == contents_.schemas.end() || schema->second.name != wire::recorded_name) return;
  const auto p = wire::read_recorded(m.data);
  if (!p) return complain(fmt::format("{}: {}", c->second.topic, p.error().message));
  auto& out = by_channel_[m.channel_id];
  recorded_packet r;
  r.chunk = chunk;
  r.offset_bytes = static_cast<std::uint32_t>(offset);
  r.at = at;
  r.ts = p->header.ts;
  r.session = p->header.session;
  r.seq = p->header.seq;
  r.epoch = p->header.epoch;
  r.is_mark = is_mark(*p);
  out.items.push_back(r);
  out.packets += r.is_mark ? 0 : 1;
  packets_ += r.is_mark ? 0 : 1;
  first_ = std::min(first_, at);
  last_ = std::max(last_, at);
}

// Channels of one output lie behind each other: they were made in the order of their ids.
void recording::finish_index() {
  std::map<std::string, std::size_t> places;
  for (const auto& [id, channel] : contents_.channels) {
    const auto schema = contents_.schemas.find(channel.schema_id);
    if (schema == contents_.schemas.end() || schema->second.name != wire::recorded_name) continue;
    auto& from = by_channel_[id];
    const auto [place, is_new] = places.emplace(channel.topic, outputs_.size());
    auto& out = is_new ? outputs_.emplace_back() : outputs_[place->second];
    if (is_new) {
      out.name = channel.topic;
      const auto dot = channel.topic.rfind('.');
      out.actor = channel.topic.substr(0, dot);
      out.port = dot == std::string::npos ? "" : channel.topic.substr(dot + 1);
      out.about = channel.metadata;
    } else {
      out.begins.push_back(out.items.size());
    }
    // Of another host's output only what was taken here is in the file.
    if (channel.metadata.count("arrived") == 0)
      out.missing += missing_in(from.items, !fact("joined_ns").empty());
    out.packets += from.packets;
    out.items.insert(out.items.end(), from.items.begin(), from.items.end());
  }
  by_channel_.clear();
  std::stable_sort(calls_.begin(), calls_.end(),
                   [](const auto& a, const auto& b) { return a.order_ns < b.order_ns; });
  std::sort(outputs_.begin(), outputs_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  if (packets_ == 0 && first_ == timestamp::max()) first_ = last_;
}

void recording::read_verdict() {
  verdict_.complete = false;
  verdict_.packets = packets_;
  verdict_.why = contents_.closed ? "the file does not say how it ended"
                                  : "the recorder did not come to its end";
  for (const auto& entry : contents_.metadata) {
    if (entry.first != verdict_name) continue;
    const auto& values = entry.second;
    const auto said = [&](const char* key) {
      const auto it = values.find(key);
      return it == values.end() ? std::string() : it->second;
    };
    verdict_.lost = number_at<std::uint64_t>(values, "lost");
    verdict_.complete = said("complete") == "true";
    verdict_.why = said("why");
  }
  // Whatever the recorder knew when it wrote that: what is not here now is not here.
  if (verdict_.complete && !problems_.empty()) {
    verdict_.complete = false;
    verdict_.why = problems_.front();
  }
}

const recorded_output* recording::find(const std::string& output) const {
  const auto it = std::find_if(outputs_.begin(), outputs_.end(),
                               [&](const auto& o) { return o.name == output; });
  return it == outputs_.end() ? nullptr : &*it;
}

std::string recording::fact(const std::string& name) const {
  const auto it = facts_.find(name);
  return it == facts_.end() ? "" : it->second;
}

std::vector<session_id> recording::sessions() const {
  std::set<session_id> all;
  for (const auto& o : outputs_)
    for (const auto& i : o.items) all.insert(i.session);
  all.erase(session_id::none);
  return {all.begin(), all.end()};
}

result<buffer> recording::chunk(std::uint32_t number) const {
  std::lock_guard lock(mutex_);
  const auto it =
      std::find_if(kept_.begin(), kept_.end(), [&](const auto& k) { return k.first == number; });
  if (it != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, it);
    return kept_.front().second;
  }
  auto bytes = read_chunk(*from_, contents_.chunks[number], limits_);
  if (!bytes) return bytes;
  kept_.emplace_front(number, *bytes);
  if (kept_.size() > kept_chunks) kept_.pop_back();
  return bytes;
}

result<recorded_call> recording::read(const call_place& what) const {
  const auto bytes = chunk(what.chunk);
  if (!bytes) return fail(bytes);
  const auto m = message_at(*bytes, what.offset_bytes);
  if (!m) return fail(m);
  return call_from_json(chars(m->data.bytes()));
}

result<packet> recording::read(const recorded_packet& what) const {
  const auto bytes = chunk(what.chunk);
  if (!bytes) return fail(bytes);
  const auto m = message_at(*bytes, what.offset_bytes);
  if (!m) return fail(m);
  return wire::read_recorded(m->data);
}

}  // namespace hocket::record
