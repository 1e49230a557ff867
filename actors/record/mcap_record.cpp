#include "actors/record/mcap_record.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <fmt/format.h>

#include "actors/record/cut.hpp"
#include "graph/contract/capability.hpp"
#include "graph/contract/plugin.hpp"
#include "graph/contract/sink.hpp"
#include "graph/schema/codec.hpp"

namespace hocket::record {
namespace {

constexpr std::array names = {"audio",      "video",        "tensor",      "text",
                              "tool_calls", "tool_results", "delegations", "training_examples",
                              "adapters",   "control"};
static_assert(names.size() == payload_kind_count);

std::vector<input_port> ports() {
  std::vector<input_port> out;
  for (int k = 0; k < payload_kind_count; ++k) {
    const auto kind = static_cast<payload_kind>(k);
    out.push_back({names[static_cast<std::size_t>(k)],
                   {.kind = kind},
                   "any output of this kind",
                   false,
                   {.size = 256, .full = full_policy::block}});
  }
  return out;
}

std::int64_t unix_zero_ns(const clock* time) {
  if (time == nullptr || time->is_virtual()) return 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() - time->now().ns();
}

// A restart must not empty the file of a life before it, of which a host that was killed and started
// again does not know how many there were.
result<trust::file> create_file(const context& where, const std::string& file) {
  if (where.restarts == 0) return create_output(where, file);
  constexpr std::uint32_t most = 10'000;
  const auto dot = file.rfind('.');
  const auto at = dot == file.npos || file.find('/', dot) != file.npos ? file.size() : dot;
  for (auto n = where.restarts;; ++n) {
    auto name = file;
    name.insert(at, fmt::format(".restart{}", n));
    auto made = create_output(where, name, trust::create_as::fresh);
    const bool taken = !made && made.error().message.ends_with(std::strerror(EEXIST));
    if (!taken || n - where.restarts >= most) return made;
  }
}

}  // namespace

component_info mcap_record::info() {
  return {.type = "record.mcap",
          .summary = "Writes whatever it is linked to into one crash-safe MCAP file.",
          .inputs = ports(),
          .outputs = {},
          .scope = instance_scope::shared,
          .blocking = true,
          .ticks = true};
}

result<void> mcap_record::open(const context& where) {
  context_ = where;
  // Who comes while the graph runs does not know which number is the first that it will see.
  joined_ = where.restarts > 0 || (where.time != nullptr && where.time->now().ns() > 0);
  const auto may = capability_of(where);
  with_pii_ = may->keeps(trust::data_class::voice);
  if (!with_pii_) context_.log("writes neither words nor sound: --no-pii");
  auto to = create_file(where, config_.file);
  if (!to) return fail(mcap_error::cannot_write, to.error().message);
  path_ = to->path();
  recording_writer_options how;
  how.path = path_;
  how.compress = config_.compress;
  how.rotate = config_.rotate;
  how.unix_zero_ns = unix_zero_ns(where.time);
  how.facts = {{"micro_turn_ms", fmt::to_string(where.grid.length / std::chrono::milliseconds(1))},
               {"schema_hash", std::string(wire::schema_hash())},
               {"plugin_abi", HOCKET_PLUGIN_ABI},
               {"clock", where.time != nullptr && where.time->is_virtual() ? "virtual" : "real"},
               {"recorder", where.actor}};
  if (joined_ && where.time != nullptr)
    how.facts["joined_ns"] = fmt::to_string(where.time->now().ns());
  if (where.graph != nullptr) {
    how.facts["graph_name"] = where.graph->name();
    how.facts["graph_hash"] = where.graph->hash();
    // What a graph has its actors say or type stands in its text.
    if (with_pii_) how.graph_yaml = where.graph->expanded_yaml();
  }
  auto sink = make_sink(std::move(*to));
  if (!sink) return fail(sink);
  auto made = recording_writer::create(std::move(how), std::move(*sink));
  if (!made) return fail(made);
  file_ = std::move(*made);
  return {};
}

void mcap_record::take(const packet& p) {
  auto output = context_.graph != nullptr ? context_.graph->output_of(p.header) : "";
  if (output.empty()) output = fmt::format("unknown.{}", to_string(p.kind()));
  if (p.kind() == payload_kind::delegation && output.ends_with(std::string(".") + forgets_port))
    forgotten_.insert(p.header.session);
  const auto channel = file_->channel(output, {{"media", std::string(to_string(p.kind()))}});
  if (!channel) {
    file_->add_lost(0, 1, channel.error().code);
    return tell();
  }
  // Senders number without gaps: what is missing was dropped on the way here.
  auto& next =
      next_seq_.try_emplace({output, p.header.session}, joined_ ? p.header.seq : 0).first->second;
  if (p.header.seq > next) file_->add_lost(*channel, p.header.seq - next, "dropped_on_the_way");
  next = std::max(next, p.header.seq + 1);
  file_->add(*channel, context_.time != nullptr ? context_.time->now() : p.header.ts, p);
  tell();
}

void mcap_record::tell() {
  if (const auto lost = file_->lost(); lost > told_lost_) {
    context_.count("lost_packets", static_cast<std::int64_t>(lost - told_lost_));
    told_lost_ = lost;
  }
  if (told_ == file_->trouble().empty()) {
    told_ = !told_;
    context_.log(told_ ? file_->trouble() + ": the recording has a gap"
                       : path_ + ": written again");
  }
  if (told_turn_ == file_->turn_trouble().empty()) {
    told_turn_ = !told_turn_;
    context_.log(told_turn_ ? file_->turn_trouble() + ": the recording goes on in the same file"
                            : path_ + ": turns again");
  }
}

result<void> mcap_record::process(std::size_t, const packet& p, emitter&) {
  if (p.body && (with_pii_ || holds_figures_alone(p.kind()))) take(p);
  return {};
}

result<void> mcap_record::on_control(std::size_t, const packet& p, emitter&) {
  const auto* c = p.get_if<control>();
  // Only what came over a link has a way; the host's own words to us have none.
  if (c != nullptr && p.header.way.count > 0) take(p);
  return {};
}

result<void> mcap_record::tick(std::int64_t, emitter&) {
  file_->tick(monotonic_ns());
  tell();
  return {};
}

result<void> mcap_record::close(emitter&) {
  if (!file_) return {};
  const auto end = file_->close("");
  tell();
  context_.log(fmt::format("wrote {}: {} packets, {}", path_, end.packets,
                           end.complete ? "COMPLETE" : "INCOMPLETE: " + end.why));
  file_.reset();
  if (forgotten_.empty()) return {};
  const auto gone = forget_in_recording(path_, forgotten_);
  context_.count(gone ? "forgotten" : "not_forgotten",
                 static_cast<std::int64_t>(forgotten_.size()));
  context_.log(gone ? fmt::format("forgotten: {} packets left {}", *gone, path_)
                    : "NOT forgotten: " + gone.error().message);
  return {};
}

}  // namespace hocket::record
