#include "actors/record/recording_writer.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "actors/record/pieces.hpp"
#include "graph/core/clock.hpp"
#include "graph/schema/recorded.hpp"

namespace hocket::record {
namespace {

constexpr std::uint16_t event_channel = 0;
constexpr std::uint16_t call_channel = UINT16_MAX;
constexpr std::size_t outputs_max = UINT16_MAX - 1;
constexpr std::int64_t retry_ns = 500'000'000;
constexpr std::int64_t sync_every_ns = 2'000'000'000;

std::string revision_file(const recorded_revision& r) {
  return fmt::format("graph.{:04}.yaml", r.number);
}

mcap_map said_of(const recorded_revision& r) {
  return {{"revision", fmt::to_string(r.number)},
          {"graph_hash", r.hash},
          {"graph", revision_file(r)},
          {"micro_turn", fmt::to_string(r.micro_turn)},
          {"from_ns", fmt::to_string(r.from.ns())}};
}

mcap_writer_options writer_options(const recording_writer_options& o) {
  mcap_writer_options how;
  how.library = "hocket";
  how.compress = o.compress;
  return how;
}

/// Tells the pieces of one recording from those that another run left under the same names.
std::string fresh_name() {
  std::random_device dice;
  return fmt::format("{:08x}{:08x}{:08x}", dice(), dice(), dice());
}

buffer owned(std::string bytes) {
  auto keep = std::make_shared<const std::string>(std::move(bytes));
  return buffer::share(keep, std::as_bytes(std::span(*keep)));
}

}  // namespace

result<std::unique_ptr<recording_writer>> recording_writer::create(
    recording_writer_options options) {
  auto to = open_sink(options.path);
  if (!to) return fail(to);
  return create(std::move(options), std::move(*to));
}

result<std::unique_ptr<recording_writer>> recording_writer::create(recording_writer_options options,
                                                                   std::unique_ptr<byte_sink> to) {
  if (options.rotate.on()) options.facts.emplace(pieces_fact, fresh_name());
  auto file = mcap_writer::create(std::move(to), writer_options(options));
  if (!file) return fail(file);
  std::unique_ptr<recording_writer> made(
      new recording_writer(std::move(options), std::move(*file)));
  HOCKET_TRY(made->begin(*made->file_, 0));
  made->flushed_at_ns_ = made->synced_at_ns_ = monotonic_ns();
  return made;
}

recording_writer::~recording_writer() {
  if (file_) (void)close("the recorder was not closed");
}

// What explains the packets stands before them: a file of a killed run has it too.
result<void> recording_writer::begin(mcap_writer& file, std::int64_t from_ns) const {
  auto facts = options_.facts;
  facts["unix_zero_ns"] = fmt::to_string(options_.unix_zero_ns);
  if (turns_.on()) facts[piece_fact] = fmt::to_string(from_ns == 0 ? 1 : turns_.number() + 1);
  // Like a recorder that joins a run: its outputs do not begin with their first packet.
  if (from_ns > 0) facts.try_emplace("joined_ns", fmt::to_string(from_ns));
  HOCKET_TRY(file.add_metadata(std::string(facts_name), facts));
  if (!options_.graph_yaml.empty())
    HOCKET_TRY(file.attach(std::string(graph_attachment), "application/yaml", options_.graph_yaml,
                           file_time({})));
  HOCKET_TRY(file.add(packet_schema()));
  HOCKET_TRY(file.add(event_schema()));
  HOCKET_TRY(file.add(
      mcap_channel{event_channel, event_schema_id, std::string(events_topic), "json", {}}));
  HOCKET_TRY(file.add(call_schema()));
  HOCKET_TRY(
      file.add(mcap_channel{call_channel, call_schema_id, std::string(calls_topic), "json", {}}));
  for (const auto& s : payloads_) HOCKET_TRY(file.add(s));
  return {};
}

// What later pieces need of what was said in earlier ones.
result<void> recording_writer::repeat_definitions(mcap_writer& file) const {
  for (const auto& c : defined_channels_) HOCKET_TRY(file.add(c));
  for (const auto& r : revisions_) {
    HOCKET_TRY(file.attach(revision_file(r), "application/yaml", r.graph_yaml, file_time(r.from)));
    HOCKET_TRY(file.add_metadata(std::string(revision_name), said_of(r)));
  }
  return {};
}

// The next piece is made and begun first: where the disk refuses it, this one goes on. Each packet is in
// one of the two.
void recording_writer::turn(std::int64_t at_ns) {
  if (owed_.empty() && trouble_.empty()) note(file_->flush());
  if (!owed_.empty() || !trouble_.empty()) return turns_.postpone(at_ns);
  const auto next = [&]() -> result<std::unique_ptr<mcap_writer>> {
    // Messages name the file as it is called when they come.
    auto made = trust::create_file(turns_.next_path());
    if (!made) return fail(mcap_error::cannot_write, made.error().message);
    auto to = make_sink(trust::file(made->release(), options_.path));
    if (!to) return fail(to);
    auto file = mcap_writer::create(std::move(*to), writer_options(options_));
    if (!file) return file;
    HOCKET_TRY(begin(**file, std::max<std::int64_t>(at_ns, 1)));
    HOCKET_TRY(repeat_definitions(**file));
    HOCKET_TRY((*file)->flush());
    return file;
  };
  auto file = next();
  if (!file) {
    turn_trouble_ = file.error().message;
    return turns_.postpone(at_ns);
  }
  if (const auto done = turns_.turn(at_ns); !done) {
    turn_trouble_ = done.error().message;
    return;
  }
  turn_trouble_.clear();
  (void)end_piece("");
  file_ = std::move(*file);
}

std::uint64_t recording_writer::file_time(timestamp t) const {
  return record::file_time(options_.unix_zero_ns, t);
}

result<std::uint16_t> recording_writer::channel(const std::string& output, const mcap_map& about) {
  const auto known = std::find(channels_.begin(), channels_.end(), output);
  if (known != channels_.end()) return static_cast<std::uint16_t>(known - channels_.begin() + 1);
  if (channels_.size() >= outputs_max)
    return fail(mcap_error::not_recordable, "more outputs than a file can hold");
  const auto c = packet_channel(static_cast<std::uint16_t>(channels_.size() + 1), output, about);
  const auto added = file_->add(c);
  note(added);
  if (!added) return fail(added);
  channels_.push_back(output);
  defined_channels_.push_back(c);
  defined_ = c.id;
  return c.id;
}

void recording_writer::add_channel(const std::string& output, const mcap_map& about) {
  if (channels_.size() >= outputs_max) return;
  channels_.push_back(output);
  const auto c = packet_channel(static_cast<std::uint16_t>(channels_.size()), output, about);
  owe([this, c]() -> result<void> {
    HOCKET_TRY(file_->add(c));
    defined_channels_.push_back(c);
    defined_ = c.id;
    return {};
  });
}

void recording_writer::add_payload(mcap_schema s) {
  auto& known = payloads_;
  const auto is_same = [&](const mcap_schema& k) {
    return k.name == s.name && k.encoding == s.encoding && k.data == s.data;
  };
  const auto room = std::size_t{UINT16_MAX - first_payload_schema};
  if (std::any_of(known.begin(), known.end(), is_same) || known.size() >= room) return;
  s.id = static_cast<std::uint16_t>(first_payload_schema + known.size());
  known.push_back(s);  // each later piece begins with it
  owe([this, s = std::move(s)]() -> result<void> { return file_->add(s); });
}

void recording_writer::add_revision(const recorded_revision& r) {
  owe([this, r] {
    return file_->attach(revision_file(r), "application/yaml", r.graph_yaml, file_time(r.from));
  });
  owe([this, r]() -> result<void> {
    HOCKET_TRY(file_->add_metadata(std::string(revision_name), said_of(r)));
    revisions_.push_back(r);
    return {};
  });
}

void recording_writer::owe(std::function<result<void>()> what) {
  owed_.push_back(std::move(what));
  pay();
}

void recording_writer::pay() {
  while (!owed_.empty() && (trouble_.empty() || monotonic_ns() >= retry_at_ns_)) {
    const auto done = owed_.front()();
    note(done);
    if (!done) return;
    owed_.pop_front();
  }
}

void recording_writer::note(const result<void>& done) {
  if (done) {
    trouble_.clear();
    return;
  }
  trouble_ = done.error().message;
  if (first_trouble_.empty()) first_trouble_ = trouble_;
  retry_at_ns_ = monotonic_ns() + retry_ns;
}

bool recording_writer::write(const mcap_message& m, timestamp at) {
  if (turns_.due(file_->bytes(), std::max<std::int64_t>(at.ns(), 0))) turn(at.ns());
  if (!owed_.empty()) pay();
  if (m.channel_id > defined_ && m.channel_id != call_channel) return false;
  // A disk that just refused is not asked for every packet.
  if (!trouble_.empty() && file_->full() && monotonic_ns() < retry_at_ns_) return false;
  const bool asks_disk = file_->full();
  const auto done = file_->write(m);
  if (!done || asks_disk) note(done);
  return done.has_value();
}

void recording_writer::add(std::uint16_t channel, timestamp at, const packet& p) {
  std::string bytes;
  if (const auto coded = wire::append_recorded(p, bytes); !coded)
    return add_lost(channel, 1, coded.error().code);
  mcap_message m;
  m.channel_id = channel;
  m.sequence = static_cast<std::uint32_t>(p.header.seq);
  m.log_time_ns = file_time(at);
  m.publish_time_ns = file_time(p.header.ts);
  m.data = owned(std::move(bytes));
  if (write(m, at))
    ++packets_;
  else
    add_lost(channel, 1, "cannot_write");
}

void recording_writer::add_event(timestamp at, const std::string& json) {
  mcap_message m;
  m.channel_id = event_channel;
  m.sequence = events_++;
  m.log_time_ns = m.publish_time_ns = file_time(at);
  m.data = owned(json);
  if (!write(m, at)) add_lost(event_channel, 1, "cannot_write");
}

void recording_writer::add_call(timestamp at, const std::string& json) {
  mcap_message m;
  m.channel_id = call_channel;
  m.sequence = calls_++;
  m.log_time_ns = m.publish_time_ns = file_time(at);
  m.data = owned(json);
  if (!write(m, at)) add_lost(call_channel, 1, "cannot_write");
}

void recording_writer::add_lost(std::uint16_t channel, std::uint64_t n, const std::string& why) {
  if (n > 0) lost_[channel][why] += n;
}

std::uint64_t recording_writer::lost() const {
  std::uint64_t n = lost_before_;
  for (const auto& [channel, reasons] : lost_)
    for (const auto& [why, count] : reasons) n += count;
  return n;
}

void recording_writer::tick(std::int64_t now_ns) {
  if (now_ns - flushed_at_ns_ < options_.flush_every_ns) return;
  flushed_at_ns_ = now_ns;
  if (!trouble_.empty() && now_ns < retry_at_ns_) return;
  pay();
  note(file_->flush());
  if (now_ns - synced_at_ns_ < sync_every_ns) return;
  synced_at_ns_ = now_ns;
  if (trouble_.empty()) note(file_->sync());
}

verdict recording_writer::close(const std::string& fate) {
  if (!file_) return {};
  const auto before = lost_before_;
  auto out = end_piece(fate);
  file_.reset();
  out.lost += before;
  if (before > 0 && out.complete) {
    out.complete = false;
    out.why = "packets are missing in earlier pieces of it";
  }
  return out;
}

/// Ends the present file, with a verdict of its own.
verdict recording_writer::end_piece(const std::string& fate) {
  verdict out;
  // The verdict must know whether the last chunk arrived, and stands before the index.
  file_->begin_end();
  retry_at_ns_ = 0;
  pay();
  if (!owed_.empty()) add_lost(event_channel, owed_.size(), "cannot_write");
  note(file_->flush());
  for (const auto& [channel, n] : file_->drop_open_chunk()) {
    add_lost(channel, n, "cannot_write");
    if (channel != event_channel && channel != call_channel) packets_ -= n;
  }
  out.lost = lost() - lost_before_;
  out.packets = packets_;
  out.why = fate;
  if (out.lost > 0 && out.why.empty())
    out.why = first_trouble_.empty() ? "packets were lost on the way to the file" : first_trouble_;
  out.complete = out.why.empty();
  mcap_map said = {{"complete", out.complete ? "true" : "false"},
                   {"lost", fmt::to_string(out.lost)},
                   {"why", out.why}};
  std::map<std::string, std::uint64_t> missing;  // an output may have had several channels
  for (std::size_t i = 0; i < channels_.size(); ++i)
    for (const auto& [why, n] : lost_[static_cast<std::uint16_t>(i + 1)])
      missing["lost." + channels_[i] + "." + why] += n;
  if (const auto calls = lost_.find(call_channel); calls != lost_.end())
    for (const auto& [why, n] : calls->second)
      missing["lost." + std::string(calls_topic) + "." + why] += n;
  for (const auto& [what, n] : missing) said[what] = fmt::to_string(n);
  const auto ended = file_->add_metadata(std::string(verdict_name), said);
  const auto closed = ended ? file_->close() : ended;
  if (!closed && out.complete) {
    out.complete = false;
    out.why = closed.error().message;
  }
  lost_before_ += out.lost;
  lost_.clear();
  return out;
}

}  // namespace hocket::record
