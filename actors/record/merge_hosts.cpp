#include "actors/record/merge_hosts.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/record/cut.hpp"
#include "actors/record/mcap_writer.hpp"
#include "actors/record/pieces.hpp"
#include "graph/schema/recorded.hpp"

namespace hocket::record {
namespace {

constexpr std::uint16_t events_channel = 0;

bool is_copy(const mcap_channel& c) { return c.metadata.contains("arrived"); }

/// One host's recording.
struct part {
  std::string file, host;
  std::shared_ptr<const recording> what;
  std::unique_ptr<byte_source> from;
  mcap_contents contents;
  std::set<std::uint16_t> copies = {};  ///< channels of what the whole has from another part
  std::map<std::uint16_t, std::uint16_t> channels;  ///< here -> in the whole; none: left out
  std::deque<std::pair<std::uint32_t, buffer>> chunks = {};  ///< that were read last

  result<buffer> chunk(std::uint32_t n) {
    constexpr std::size_t kept = 8;
    for (const auto& [which, bytes] : chunks)
      if (which == n) return bytes;
    auto bytes = read_chunk(*from, contents.chunks[n]);
    if (!bytes) return bytes;
    chunks.emplace_back(n, *bytes);
    if (chunks.size() > kept) chunks.pop_front();
    return bytes;
  }
};

/// Where a message lies.
struct place {
  std::uint64_t time_ns = 0;  ///< in the whole
  std::uint32_t part = 0, chunk = 0, offset_bytes = 0;
};

result<void> refuse(std::string why) { return fail("record.not_of_one_run", std::move(why)); }

class merger {
 public:
  explicit merger(std::vector<part> parts) : parts_(std::move(parts)) {}

  /// Whether they are of one run, as far as they tell.
  result<void> check() const {
    const auto& first = parts_.front();
    std::set<std::string> hosts;
    for (const auto& p : parts_) {
      const auto fact = [&](const char* name) { return p.what->fact(name); };
      if (!fact(piece_fact).empty())
        return refuse(fmt::format("{} is a piece: `hocket record merge {} WHOLE.mcap` first",
                                  p.file, p.file));
      if (!fact(cut_from_fact).empty()) return refuse(p.file + " was cut: merge first, then cut");
      if (p.host.empty())
        return refuse(p.file + " is no recording of one host (`hocket run --host NAME --record`)");
      if (!hosts.insert(p.host).second)
        return refuse(fmt::format("{}: host {} is there already", p.file, p.host));
      for (const char* name : {"graph_hash", "clock", "schema_hash", "micro_turn_ms"})
        if (fact(name) != first.what->fact(name))
          return refuse(fmt::format("{} and {} differ: {} is `{}` and `{}`", first.file, p.file,
                                    name, first.what->fact(name), fact(name)));
    }
    for (const auto& p : parts_)
      for (const auto& sender : parts_)
        if (&p != &sender) HOCKET_TRY(check_arrivals(p, sender));
    return {};
  }

  /// After check().
  result<hosts_merged> into(mcap_writer& to) {
    for (const auto& p : parts_) done_.hosts.push_back(p.host);
    find_copies();
    HOCKET_TRY(find_messages());
    HOCKET_TRY(write_head(to));
    for (const auto& m : messages_) HOCKET_TRY(write(to, m));
    HOCKET_TRY(write_end(to));
    return done_;
  }

 private:
  /// What a host took from another one is what that one sent.
  static result<void> check_arrivals(const part& taker, const part& sender) {
    for (const auto& taken : taker.what->outputs()) {
      const auto* sent = sender.what->find(taken.name);
      if (!taken.about.contains("arrived") || sent == nullptr || sent->about.contains("arrived"))
        continue;
      std::map<std::pair<session_id, std::uint64_t>, timestamp> times;
      // Where numbers began anew nothing is known.
      if (!sent->begins.empty() || !taken.begins.empty()) continue;
      for (const auto& i : sent->items)
        if (!i.is_mark) times[{i.session, i.seq}] = i.ts;
      for (const auto& i : taken.items) {
        const auto it = times.find({i.session, i.seq});
        if (!i.is_mark && it != times.end() && it->second != i.ts)
          return refuse(fmt::format("{} has another {} than {} took: they are of different runs",
                                    sender.file, taken.name, taker.file));
      }
    }
    return {};
  }

  std::uint64_t time_of(const part& p, std::uint64_t file_time_ns) const {
    return file_time(parts_.front().what->unix_zero_ns(), p.what->stream_time(file_time_ns));
  }

  bool sends(const std::string& output, const part* but) const {
    return std::ranges::any_of(parts_, [&](const part& p) {
      if (&p == but) return false;
      const auto* o = p.what->find(output);
      return o != nullptr && !o->about.contains("arrived");
    });
  }

  /// What a host took is in the whole as its sender has it; where that one's recording is not given, as
  /// the first has it that took it.
  void find_copies() {
    std::map<std::string, const part*> taken;
    for (auto& p : parts_)
      for (const auto& [id, c] : p.contents.channels) {
        if (c.topic == calls_topic || !is_copy(c)) continue;
        if (sends(c.topic, &p)) {
          p.copies.insert(id);
        } else if (const auto* first = taken.try_emplace(c.topic, &p).first->second; first != &p) {
          p.copies.insert(id);
          done_.senders_missing[c.topic] = first->host;
        }
      }
  }

  /// Whether a channel's messages go in; what does not is counted.
  bool keeps(const part& p, const mcap_channel& c) {
    if (c.topic == calls_topic) return ++done_.calls, false;
    if (p.copies.contains(c.id)) return ++done_.copies, false;
    return true;
  }

  result<void> find_messages() {
    for (std::uint32_t i = 0; i < parts_.size(); ++i) {
      auto& p = parts_[i];
      for (std::uint32_t n = 0; n < p.contents.chunks.size(); ++n) {
        const auto chunk = read_chunk(*p.from, p.contents.chunks[n]);
        if (!chunk && chunk.error().code == code_of(mcap_error::cannot_read)) return fail(chunk);
        if (!chunk) continue;  // what is damaged the verdict tells
        std::vector<place> all;
        const auto walked = each_message(
            *chunk, &p.contents, [&](const mcap_message& m, std::uint64_t at) -> result<void> {
              const auto c = p.contents.channels.find(m.channel_id);
              if (c != p.contents.channels.end() && keeps(p, c->second))
                all.push_back({time_of(p, m.log_time_ns), i, n, static_cast<std::uint32_t>(at)});
              return {};
            });
        if (walked) messages_.insert(messages_.end(), all.begin(), all.end());
      }
    }
    std::ranges::stable_sort(messages_, {}, &place::time_ns);
    done_.messages = messages_.size();  // those of damaged chunks are not among them
    return {};
  }

  /// Schemas that say the same are one.
  result<std::uint16_t> define(mcap_writer& to, const mcap_schema& s) {
    for (const auto& known : schemas_)
      if (known.name == s.name && known.encoding == s.encoding && known.data == s.data)
        return known.id;
    if (schemas_.size() >= UINT16_MAX - 2u * first_payload_schema)
      return fail(mcap_error::not_recordable, "more schemas than a file can hold");
    auto copy = s;
    const auto taken = [&](std::uint16_t id) {
      return std::ranges::any_of(schemas_, [&](const auto& k) { return k.id == id; });
    };
    while (copy.id == 0 || taken(copy.id))
      copy.id =
          std::max<std::uint16_t>(static_cast<std::uint16_t>(copy.id + 1), first_payload_schema);
    HOCKET_TRY(to.add(copy));
    schemas_.push_back(copy);
    return copy.id;
  }

  result<void> define(mcap_writer& to, part& p, const mcap_channel& c) {
    if (c.topic == calls_topic || p.copies.contains(c.id)) return {};
    auto copy = c;
    if (c.topic == events_topic) {
      p.channels[c.id] = events_channel;
      if (has_events_) return {};
      has_events_ = true;
      copy.id = events_channel;
    } else {
      if (last_channel_ >= UINT16_MAX - 1)
        return fail(mcap_error::not_recordable, "more outputs than a file can hold");
      copy.id = ++last_channel_;
    }
    const auto s = p.contents.schemas.find(c.schema_id);
    copy.schema_id = 0;
    if (s != p.contents.schemas.end()) {
      const auto id = define(to, s->second);
      if (!id) return fail(id);
      copy.schema_id = *id;
    }
    if (c.topic != events_topic) copy.metadata["host"] = p.host;
    p.channels[c.id] = copy.id;
    return to.add(copy);
  }

  result<void> write_head(mcap_writer& to) {
    const auto& first = *parts_.front().what;
    auto facts = first.facts();
    facts.erase("host");
    facts[hosts_fact] = fmt::format("{}", fmt::join(done_.hosts, ","));
    std::int64_t joined = 0;
    for (const auto& p : parts_) joined = std::max(joined, number_at(p.what->facts(), "joined_ns"));
    if (joined > 0) facts["joined_ns"] = fmt::to_string(joined);
    HOCKET_TRY(to.add_metadata(std::string(facts_name), facts));
    std::set<std::pair<std::string, mcap_map>> noted;
    std::set<std::string> attached;
    for (const auto& p : parts_) {
      for (const auto& a : p.contents.attachments) {
        if (!attached.insert(a.name).second) continue;
        const auto data = read_attachment(*p.from, a);
        if (!data) return fail(data);
        HOCKET_TRY(to.attach(a.name, a.media_type, *data, time_of(p, a.log_time_ns)));
      }
      for (const auto& [name, values] : p.contents.metadata)
        if (name != facts_name && name != verdict_name && noted.insert({name, values}).second)
          HOCKET_TRY(to.add_metadata(name, values));
    }
    // An output that moved from host to host has its lives in order.
    std::vector<std::pair<part*, mcap_channel>> channels;
    for (auto& p : parts_)
      for (const auto& [id, c] : p.contents.channels) channels.emplace_back(&p, c);
    std::ranges::stable_sort(
        channels, {}, [](const auto& c) { return number_at(c.second.metadata, "revision"); });
    for (auto& [p, c] : channels) HOCKET_TRY(define(to, *p, c));
    return {};
  }

  result<void> write(mcap_writer& to, const place& where) {
    auto& p = parts_[where.part];
    const auto chunk = p.chunk(where.chunk);
    if (!chunk) return fail(chunk);
    auto m = message_at(*chunk, where.offset_bytes);
    if (!m) return fail(m);
    const auto channel = p.channels.find(m->channel_id);
    if (channel == p.channels.end()) return {};
    m->channel_id = channel->second;
    if (m->channel_id == events_channel) m->sequence = events_++;
    m->log_time_ns = where.time_ns;
    m->publish_time_ns = time_of(p, m->publish_time_ns);
    return to.write(*m);
  }

  result<void> write_end(mcap_writer& to) {
    std::map<std::string, std::uint64_t> missing;
    for (const auto& p : parts_) {
      const auto& how = p.what->how_it_ended();
      done_.how.lost += how.lost;
      if (!how.complete && done_.how.why.empty())
        done_.how.why = fmt::format("host {}: {}", p.host, how.why);
      for (const auto& [name, values] : p.contents.metadata)
        if (name == verdict_name)
          for (const auto& [key, n] : values)
            if (key.starts_with("lost.")) missing[key] += number_at<std::uint64_t>(values, key);
    }
    done_.how.complete = done_.how.why.empty();
    done_.how.packets = done_.messages - events_;
    mcap_map said = {{"complete", done_.how.complete ? "true" : "false"},
                     {"lost", fmt::to_string(done_.how.lost)},
                     {"why", done_.how.why}};
    for (const auto& [key, n] : missing) said[key] = fmt::to_string(n);
    return to.add_metadata(std::string(verdict_name), said);
  }

  std::vector<part> parts_;
  std::vector<place> messages_;
  std::vector<mcap_schema> schemas_;
  std::uint16_t last_channel_ = 0;
  std::uint32_t events_ = 0;
  bool has_events_ = false;
  hosts_merged done_;
};

result<part> read_part(const std::string& file) {
  part p;
  p.file = file;
  auto what = recording::open(file);
  if (!what) return fail(what);
  p.what = std::move(*what);
  p.host = p.what->fact("host");
  auto from = open_source(file);
  if (!from) return fail(from);
  p.from = std::move(*from);
  auto contents = read_contents(*p.from);
  if (!contents) return fail(contents);
  p.contents = std::move(*contents);
  return p;
}

}  // namespace

result<hosts_merged> merge_hosts(const std::vector<std::string>& files, const std::string& out) {
  std::vector<part> parts;
  for (const auto& file : files) {
    auto p = read_part(file);
    if (!p) return fail(p);
    parts.push_back(std::move(*p));
  }
  // What is refused leaves no file, and takes none away.
  auto next = merger(std::move(parts));
  HOCKET_TRY(next.check());
  auto sink = open_sink(out);
  if (!sink) return fail(sink);
  auto writer = mcap_writer::create(std::move(*sink), {.library = "hocket"});
  if (!writer) return fail(writer);
  auto done = next.into(**writer);
  if (!done) return done;
  HOCKET_TRY((*writer)->close());
  return done;
}

}  // namespace hocket::record
