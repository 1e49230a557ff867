#include "actors/gateway/tinker/futures.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <sys/random.h>

#include "graph/core/assert.hpp"

namespace hocket::tinker {
namespace {

/// Polls of one sampler that wait at once.
constexpr std::size_t most_polls = 64;
/// What a result takes besides its own bytes, about: names, places in lists.
constexpr std::size_t record_bytes = 1'024;

}  // namespace

using nlohmann::json;

std::string unguessable(const std::string& word) {
  unsigned char bytes[16];
  HOCKET_ASSERT(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
  std::string text = word;
  for (const auto b : bytes) text += fmt::format("{:02x}", b);
  return text;
}

outcome done(const json& result) {
  return {result.dump(-1, ' ', false, json::error_handler_t::replace), ""};
}
outcome failed(const std::string& message, const char* category) {
  return done({{"error", message}, {"category", category}});
}
outcome failed(const error& e) {
  const bool ours = e.code.starts_with("files.") || e.code == "lora.engine" ||
                    e.code == "lora.out_of_memory" || e.code == "language.engine" ||
                    e.code == "tinker.damaged" || e.code == "tinker.unreachable" ||
                    e.code == "tinker.unknown_adapter" || e.code == "tinker.bad_work" ||
                    e.code == "tinker.stopped";
  return failed(e.message, ours ? "server" : "user");
}

json try_again(const std::string& request, const queue_note& note) {
  json j{{"type", "try_again"},
         {"request_id", request},
         {"queue_state", note.is_paused ? "paused_capacity" : "active"}};
  if (!note.reason.empty()) j["queue_state_reason"] = note.reason;
  return j;
}

void future_table::allow(const std::string& owner, std::size_t outstanding) {
  const std::lock_guard lock(mutex_);
  allowed_[owner] = outstanding;
}

std::string future_table::add(const std::string& owner, const std::string& topic,
                              const std::string& about) {
  const std::lock_guard lock(mutex_);
  auto& count = outstanding_[owner];
  const auto own = allowed_.find(owner);
  if (count >= (own == allowed_.end() ? limits_.outstanding : own->second)) return "";
  if (kept_.is_full(owner)) return "";
  ++count;
  auto id = unguessable("req-");
  auto& e = entries_[id];
  e.owner = owner, e.topic = topic, e.about = about;
  kept_.expect(id, owner);
  return id;
}

void future_table::note(const std::string& id, queue_note what) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(id); found != entries_.end())
    found->second.waits_for = std::move(what);
}

void future_table::explain_by(explainer who) {
  const std::lock_guard lock(mutex_);
  explainer_ = std::move(who);
}

http::response future_table::answer(const std::string& id, const entry& e, bool takes_proto,
                                    bool metadata_only) {
  const bool proto = takes_proto && !e.ended->proto.empty();
  const auto& body = proto ? e.ended->proto : e.ended->json;
  if (metadata_only && proto)
    return {200,
            "application/json",
            json{{"status", "complete_metadata"}, {"response_payload_size", body.size()}}.dump(),
            {}};
  kept_.note_read(id, clock::now());
  return {200, proto ? "application/x-protobuf" : "application/json", body, {}};
}

future_table::topic_log* future_table::log_of(const std::string& topic, const std::string& owner,
                                              bool evicts) {
  const auto found = topics_.find(topic);
  if (found != topics_.end()) return found->second.owner == owner ? &found->second : nullptr;
  auto& count = topic_counts_[owner];
  if (count >= limits_.topics) {
    auto oldest = topics_.end();
    for (auto i = topics_.begin(); evicts && i != topics_.end(); ++i)
      if (i->second.owner == owner && i->second.waits.empty() &&
          (oldest == topics_.end() || i->second.used < oldest->second.used))
        oldest = i;
    if (oldest == topics_.end()) return nullptr;
    topics_.erase(oldest);
    --count;
  }
  ++count;
  auto& made = topics_[topic];
  made.owner = owner;
  return &made;
}

void future_table::note_end(const std::string& id, const entry& e, answer_list& answers) {
  constexpr std::size_t most_remembered = 20'000;
  auto* const log = log_of(e.topic, e.owner, true);
  if (!log) return;  // the answer itself is still there
  auto& t = *log;
  t.used = clock::now();
  const auto& payload = e.ended->proto.empty() ? e.ended->json : e.ended->proto;
  t.ended[++ends_[e.owner]] = {id, payload.size()};
  if (t.ended.size() > most_remembered) t.ended.erase(t.ended.begin());
  for (const auto& w : t.waits) answers.emplace_back(w.reply, answer(t, w.cursor));
  t.waits.clear();
}

http::response future_table::answer(const topic_log& t, std::int64_t cursor) {
  json some = json::array();
  auto last = cursor;
  for (auto i = t.ended.upper_bound(cursor); i != t.ended.end(); ++i) {
    some.push_back({{"state", "finished"},
                    {"request_id", i->second.first},
                    {"response_payload_uncompressed_size", i->second.second}});
    last = i->first;
  }
  return {200, "application/json", json{{"completions", some}, {"cursor", last}}.dump(), {}};
}

void future_table::poll_topic(const std::string& topic, const std::string& owner,
                              std::int64_t cursor, bool waits,
                              const std::vector<std::string>& retrieved,
                              const http::responder& reply) {
  http::response now{404, "application/json", R"({"detail":"no such sampling session"})", {}};
  {
    const std::lock_guard lock(mutex_);
    for (const auto& id : retrieved)
      if (const auto e = entries_.find(id); e != entries_.end() && e->second.owner == owner)
        kept_.note_received(id);
    // Who asks for more and more topics makes none, and forgets none of those that have answers.
    auto* const log = log_of(topic, owner, false);
    if (!log && !topics_.contains(topic)) now = answer(topic_log(), cursor);
    if (log) {
      auto& t = *log;
      t.used = clock::now();
      t.ended.erase(t.ended.begin(), t.ended.upper_bound(cursor));
      // Who polls more at once is answered at once: a poll that waits is kept.
      if (t.ended.empty() && waits && t.waits.size() < most_polls) {
        t.waits.push_back({reply, cursor, clock::now() + limits_.hold});
        return;
      }
      now = answer(t, cursor);
    }
  }
  reply(std::move(now));
}

void future_table::sweep_topics(clock::time_point now, answer_list& answers) {
  for (auto& [name, t] : topics_) {
    std::erase_if(t.waits, [&](const auto& w) {
      if (w.until > now) return false;
      answers.emplace_back(w.reply, answer(t, w.cursor));
      return true;
    });
  }
  std::erase_if(topics_, [&](const auto& t) {
    if (!t.second.waits.empty() || now - t.second.used <= limits_.results.unread) return false;
    if (--topic_counts_[t.second.owner] == 0) topic_counts_.erase(t.second.owner);
    return true;
  });
}

void future_table::finish(const std::string& id, outcome o) {
  answer_list answers;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.ended) return;
    auto& e = found->second;
    kept_.add(id, e.owner, record_bytes + o.json.size() + o.proto.size(), clock::now());
    e.ended = std::move(o);
    --outstanding_[e.owner];
    for (const auto& p : e.polls)
      answers.emplace_back(p.reply, answer(id, e, p.takes_proto, p.metadata_only));
    e.polls.clear();
    if (!e.topic.empty()) note_end(id, e, answers);
  }
  for (auto& [reply, r] : answers) reply(std::move(r));
}

void future_table::poll(const std::string& id, const std::string& owner, bool takes_proto,
                        bool metadata_only, const http::responder& reply) {
  http::response r{404, "application/json", R"({"detail":"no such request"})", {}};
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found != entries_.end() && found->second.owner == owner) {
      auto& e = found->second;
      if (!e.ended) {
        e.polls.push_back({reply, takes_proto, metadata_only, clock::now() + limits_.hold});
        return;
      }
      r = answer(id, e, takes_proto, metadata_only);
    } else if (const auto fate = kept_.fate(id, owner)) {
      r = {200, "application/json", failed(*fate).json, {}};
    }
  }
  reply(std::move(r));
}

result<void> future_table::cancel(const std::string& id, const std::string& owner) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.owner != owner)
    return fail("tinker.not_found", "no such request");
  found->second.cancelled = true;
  return {};
}

bool future_table::is_cancelled(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.cancelled;
}

std::size_t future_table::outstanding(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  const auto found = outstanding_.find(owner);
  return found == outstanding_.end() ? 0 : found->second;
}

bool future_table::is_busy() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(outstanding_, [](const auto& each) { return each.second > 0; });
}

std::size_t future_table::waiting() const {
  const std::lock_guard lock(mutex_);
  std::size_t n = 0;
  for (const auto& [id, e] : entries_) n += e.polls.size();
  return n;
}

void future_table::settle() {
  constexpr std::size_t small = 16 << 10;
  for (auto& [id, e] : entries_) {
    if (!e.ended || std::exchange(e.is_settled, true)) continue;
    if (e.ended->json.size() + e.ended->proto.size() > small) continue;
    outcome copy = *e.ended;
    std::swap(copy, *e.ended);
  }
}

void future_table::sweep(clock::time_point now) {
  struct late_poll {
    http::responder reply;
    std::string id, about;
    queue_note note;
  };
  std::vector<late_poll> late;
  answer_list topics;
  explainer asked;
  {
    const std::lock_guard lock(mutex_);
    asked = explainer_;
    sweep_topics(now, topics);
    for (auto& [id, e] : entries_) {
      const auto first = std::stable_partition(e.polls.begin(), e.polls.end(),
                                               [&](const auto& p) { return p.until > now; });
      for (auto i = first; i != e.polls.end(); ++i)
        late.push_back({i->reply, id, e.about, e.waits_for});
      e.polls.erase(first, e.polls.end());
    }
    for (const auto& id : kept_.expire(now)) entries_.erase(id);
    settle();
  }
  for (auto& [reply, r] : topics) reply(std::move(r));
  for (const auto& p : late) {
    const auto note = asked && !p.about.empty() ? asked(p.about, p.id) : p.note;
    p.reply({200, "application/json", try_again(p.id, note).dump(), {}});
  }
}

}  // namespace hocket::tinker
