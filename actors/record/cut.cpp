#include "actors/record/cut.hpp"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "actors/record/mcap_writer.hpp"
#include "actors/record/pieces.hpp"
#include "actors/record/rotation.hpp"
#include "graph/schema/recorded.hpp"
#include "graph/trust/files.hpp"

namespace hocket::record {
namespace {

/// Ends and interruptions of streams: who is played from the middle needs those of before.
bool is_lasting(const packet& p) {
  const auto* c = p.get_if<control>();
  return c != nullptr &&
         (c->what == control::kind::end_of_stream || c->what == control::kind::interrupt);
}

class cutter {
 public:
  cutter(const byte_source& from, const recording& what, cut_range range)
      : from_(from), what_(what), range_(range) {}

  result<cut_done> into(mcap_writer& to) {
    auto contents = read_contents(from_);
    if (!contents) return fail(contents);
    contents_ = std::move(*contents);
    find_graph();
    HOCKET_TRY(find_in_flight());
    HOCKET_TRY(write_head(to));
    for (const auto& place : contents_.chunks) {
      const auto chunk = read_chunk(from_, place);
      // What is damaged the original's verdict tells.
      if (!chunk && chunk.error().code == code_of(mcap_error::cannot_read)) return fail(chunk);
      if (!chunk) continue;
      const auto look = [](const mcap_message&, std::uint64_t) { return result<void>{}; };
      if (!each_message(*chunk, &contents_, look)) continue;
      HOCKET_TRY(each_message(*chunk, nullptr, [&](const mcap_message& m, std::uint64_t) {
        return keeps(m) ? write(to, m) : result<void>{};
      }));
    }
    HOCKET_TRY(write_end(to));
    return done_;
  }

 private:
  bool begins_with_run() const { return range_.from.ns() <= 0; }

  timestamp at(const mcap_message& m) const { return what_.stream_time(m.log_time_ns); }

  /// The graph that ran at the beginning, and those that follow.
  void find_graph() {
    done_.from = range_.from;
    done_.revision =
        static_cast<int>(std::max<std::int64_t>(1, number_at(what_.facts(), "graph_revision")));
    for (const auto& r : what_.revisions())
      if (r.from <= range_.from)
        first_ = &r, done_.revision = r.number;
      else if (r.from < range_.to)
        last_revision_ = r.number;
    last_revision_ = std::max(last_revision_, done_.revision);
    for (const auto& [id, c] : contents_.channels) {
      const auto born = revision_of(c);
      auto& newest = newest_[c.topic];
      if (born <= done_.revision) newest = std::max(newest, born);
    }
  }

  static int revision_of(const mcap_channel& c) {
    return static_cast<int>(number_at(c.metadata, "revision"));
  }

  /// Not one of an actor's earlier lives, which ended before, nor of one that comes later.
  bool is_of_part(const mcap_channel& c) const {
    const auto born = revision_of(c);
    const auto newest = newest_.find(c.topic);
    if (born > done_.revision) return born <= last_revision_;
    return newest == newest_.end() || born == newest->second;
  }

  /// What calls within the part were given that had been emitted before it.
  result<void> find_in_flight() {
    if (begins_with_run()) return {};
    std::map<std::pair<std::string, session_id>, std::uint64_t> before;  ///< highest number
    for (const auto& o : what_.outputs())
      for (const auto& i : o.items)
        if (!i.is_mark && i.at < range_.from) {
          auto& n = before[{o.name, i.session}];
          n = std::max(n, i.seq + 1);
        }
    const auto note = [&](const packet_name& p) {
      const auto it = before.find({p.output, p.session});
      if (it != before.end() && p.seq < it->second) in_flight_.insert({p.output, p.session, p.seq});
    };
    for (const auto& place : what_.calls()) {
      const auto c = what_.read(place);
      if (!c) return fail(c);
      if (c->at < range_.from || c->at >= range_.to) continue;
      if (!c->given.output.empty()) note(c->given);
      for (const auto& set : c->sets)
        for (const auto& [port, name] : set.inputs) note(name);
    }
    return {};
  }

  bool keeps(const mcap_message& m) {
    const auto c = contents_.channels.find(m.channel_id);
    if (c == contents_.channels.end()) return false;
    const auto when = at(m);
    const bool of_part = is_of_part(c->second);
    const bool within = of_part && when >= range_.from && when < range_.to;
    if (c->second.topic == events_topic) return within;
    if (c->second.topic == calls_topic)
      return within && begins_with_run() && range_.without.empty();
    const auto s = contents_.schemas.find(c->second.schema_id);
    if (s == contents_.schemas.end() || s->second.name != wire::recorded_name) return within;
    const auto p = wire::read_recorded(m.data);
    const bool is_packet = p && p->kind() != payload_kind::control;
    // What cannot be read may be of anybody.
    if (!range_.without.empty() && (!p || range_.without.contains(p->header.session))) {
      done_.left_out += is_packet || !p ? 1 : 0;
      return false;
    }
    if (within) {
      done_.packets += is_packet ? 1 : 0;
      return true;
    }
    const bool flies = of_part && is_packet &&
                       in_flight_.contains({c->second.topic, p->header.session, p->header.seq});
    if (of_part && when < range_.from && (flies || (p && is_lasting(*p)))) {
      done_.in_flight += flies ? 1 : 0;
      done_.packets += flies ? 1 : 0;
      return true;
    }
    done_.left_out += is_packet ? 1 : 0;
    return false;
  }

  result<void> write(mcap_writer& to, const mcap_message& m) {
    const auto& c = contents_.channels.at(m.channel_id);
    HOCKET_TRY(define(to, c));
    return to.write(m);
  }

  result<void> define(mcap_writer& to, const mcap_channel& c) {
    if (!channels_.insert(c.id).second) return {};
    auto copy = c;
    if (!contents_.schemas.contains(copy.schema_id)) copy.schema_id = 0;
    if (copy.schema_id != 0 && schemas_.insert(copy.schema_id).second)
      HOCKET_TRY(to.add(contents_.schemas.at(copy.schema_id)));
    return to.add(copy);
  }

  /// What explains the packets stands before them.
  result<void> write_head(mcap_writer& to) {
    auto facts = what_.facts();
    if (!range_.without.empty()) {
      facts[forgotten_fact] = fmt::to_string(number_at(facts, forgotten_fact) +
                                             static_cast<std::int64_t>(range_.without.size()));
      HOCKET_TRY(to.add_metadata(std::string(facts_name), facts));
      return write_graph(to);
    }
    facts.erase(piece_fact);
    facts.erase(pieces_fact);
    facts[cut_from_fact] =
        fmt::to_string(std::max(range_.from.ns(), number_at(facts, cut_from_fact)));
    if (range_.to < timestamp::max()) facts[cut_to_fact] = fmt::to_string(range_.to.ns());
    if (!begins_with_run()) {
      facts["joined_ns"] =
          fmt::to_string(std::max(range_.from.ns(), number_at(facts, "joined_ns")));
      facts[in_flight_fact] = fmt::to_string(in_flight_.size());
    }
    if (first_ != nullptr) facts["graph_hash"] = first_->hash;
    facts["graph_revision"] = fmt::to_string(done_.revision);
    HOCKET_TRY(to.add_metadata(std::string(facts_name), facts));
    return write_graph(to);
  }

  result<void> write_graph(mcap_writer& to) {
    const auto& yaml = first_ != nullptr ? first_->graph_yaml : what_.graph_yaml();
    if (!yaml.empty())
      HOCKET_TRY(to.attach(std::string(graph_attachment), "application/yaml", yaml, 0));
    HOCKET_TRY(write_notes(to));
    for (const auto& [id, s] : contents_.schemas)
      if (schemas_.insert(id).second) HOCKET_TRY(to.add(s));
    for (const auto& [id, c] : contents_.channels)
      if (is_of_part(c)) HOCKET_TRY(define(to, c));
    return {};
  }

  /// Revisions within the part with their graphs, and what others noted.
  result<void> write_notes(mcap_writer& to) {
    std::set<std::string> graphs{std::string(graph_attachment)};
    for (const auto& [name, values] : contents_.metadata) {
      if (name == facts_name || name == verdict_name) continue;
      if (name == revision_name) {
        const timestamp from(number_at(values, "from_ns"));
        const auto graph = values.find("graph");
        if (graph != values.end()) graphs.insert(graph->second);
        if (from <= range_.from || from >= range_.to) continue;
        if (graph != values.end()) HOCKET_TRY(attach(to, graph->second));
      }
      HOCKET_TRY(to.add_metadata(name, values));
    }
    for (const auto& a : contents_.attachments)
      if (!graphs.contains(a.name)) HOCKET_TRY(attach(to, a.name));
    return {};
  }

  result<void> attach(mcap_writer& to, const std::string& name) {
    for (const auto& a : contents_.attachments) {
      if (a.name != name) continue;
      const auto data = read_attachment(from_, a);
      if (!data) return fail(data);
      return to.attach(a.name, a.media_type, *data, a.log_time_ns);
    }
    return {};
  }

  result<void> write_end(mcap_writer& to) {
    done_.how = what_.how_it_ended();
    mcap_map said = {{"complete", done_.how.complete ? "true" : "false"},
                     {"lost", fmt::to_string(done_.how.lost)},
                     {"why", done_.how.why}};
    for (const auto& [name, values] : contents_.metadata)
      if (name == verdict_name)
        for (const auto& [key, n] : values)
          if (key.starts_with("lost.")) said[key] = n;
    return to.add_metadata(std::string(verdict_name), said);
  }

  const byte_source& from_;
  const recording& what_;
  const cut_range range_;
  mcap_contents contents_;
  const recorded_revision* first_ = nullptr;  ///< none: the one that the run began with
  int last_revision_ = 1;
  std::map<std::string, int> newest_;  ///< the revision in which an output's life began
  std::set<std::tuple<std::string, session_id, std::uint64_t>> in_flight_;
  std::set<std::uint16_t> schemas_, channels_;
  cut_done done_;
};

result<cut_range> checked(const recording& what, cut_range range) {
  if (range.from >= range.to)
    return fail("record.bad_range", fmt::format("--from {} is not before --to {}",
                                                range.from.seconds(), range.to.seconds()));
  if (range.from > what.last() || range.to <= what.first())
    return fail("record.nothing_there",
                fmt::format("it holds {:.3f} to {:.3f} s of stream time, and nothing of that part",
                            what.first().seconds(), what.last().seconds()));
  // Whoever is handed micro-turns would else get a part of one.
  const auto turn_ns =
      std::max<std::int64_t>(1, number_at(what.facts(), "micro_turn_ms")) * 1'000'000;
  if (range.from.ns() > 0) range.from = timestamp(range.from.ns() / turn_ns * turn_ns);
  // A part from the first packet of a whole recording on begins with the run.
  const bool whole_head = what.fact("joined_ns").empty() && range.from <= what.first();
  if (whole_head) range.from = timestamp();
  return range;
}

}  // namespace

result<std::uint64_t> forget_in_recording(const std::string& file,
                                          const std::set<session_id>& who) {
  // What another run left under the same names is of other conversations with the same numbers.
  const auto whole = recording::open(file);
  if (!whole) return fail(whole);
  const auto name = (*whole)->fact(pieces_fact);
  std::vector<std::string> all;
  for (auto& piece : name.empty() ? std::vector<std::string>() : pieces_of(file))
    if (const auto one = recording::open(piece); !one || (*one)->fact(pieces_fact) == name)
      all.push_back(std::move(piece));
  all.push_back(file);
  std::uint64_t gone = 0;
  result<void> all_done;  // one that cannot be written anew does not keep the others
  for (const auto& piece : all) {
    const auto next = piece + ".next";
    const auto done = cut_recording(piece, {.from = timestamp(), .without = who}, next);
    if (!done && done.error().code == "record.nothing_there") continue;  // it holds no packet
    const auto renamed = done ? trust::rename_file(next, piece) : result<void>(fail(done));
    if (!renamed) {
      (void)::unlink(next.c_str());
      if (all_done) all_done = renamed;
      continue;
    }
    gone += done->left_out;
  }
  if (!all_done) return fail(all_done);
  return gone;
}

result<cut_done> cut_recording(const std::string& file, cut_range range, const std::string& out) {
  const auto what = recording::open(file);
  if (!what) return fail(what);
  auto part = checked(**what, range);
  if (!part) return fail(part.error().code, file + ": " + part.error().message);
  const auto from = open_source(file);
  if (!from) return fail(from);
  auto sink = open_sink(out);
  if (!sink) return fail(sink);
  auto writer = mcap_writer::create(std::move(*sink), {.library = "hocket"});
  if (!writer) return fail(writer);
  auto done = cutter(**from, **what, *part).into(**writer);
  if (!done) return done;
  HOCKET_TRY((*writer)->close());
  return done;
}

}  // namespace hocket::record
