#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/record/cut.hpp"
#include "actors/record/merge_hosts.hpp"
#include "actors/record/recording.hpp"
#include "graph/trust/sealed/sealed.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;
using record::recording;

std::string verdict_text(const record::verdict& v) {
  if (v.complete) return "COMPLETE";
  return "INCOMPLETE: " + v.why;
}

json to_json(const std::string& file, const recording& r) {
  json out = {{"file", file},
              {"size_bytes", r.size_bytes()},
              {"complete", r.how_it_ended().complete},
              {"why", r.how_it_ended().why},
              {"lost", r.how_it_ended().lost},
              {"packets", r.packets()},
              {"first_s", r.first().seconds()},
              {"last_s", r.last().seconds()},
              {"sessions", r.sessions().size()},
              {"events", r.events().size()},
              {"graph_hash", r.fact("graph_hash")},
              {"problems", r.problems()},
              {"facts", r.facts()},
              {"revisions", json::array()},
              {"outputs", json::array()}};
  for (const auto& n : r.revisions())
    out["revisions"].push_back({{"revision", n.number},
                                {"from_s", n.from.seconds()},
                                {"micro_turn", n.micro_turn},
                                {"graph_hash", n.hash}});
  for (const auto& o : r.outputs())
    out["outputs"].push_back(
        {{"name", o.name}, {"packets", o.packets}, {"missing", o.missing}, {"about", o.about}});
  return out;
}

std::string about(const record::recorded_output& o, const char* key) {
  const auto it = o.about.find(key);
  return it == o.about.end() ? "" : it->second;
}

/// "from 12.400 s on, to 40.000 s; 3 packets were on their way at its beginning".
std::string cut_text(const recording& r) {
  const auto s = [&](const char* key) {
    return static_cast<double>(std::atoll(r.fact(key).c_str())) / 1e9;
  };
  auto out = fmt::format("from {:.3f} s on", s(record::cut_from_fact));
  if (!r.fact(record::cut_to_fact).empty())
    out += fmt::format(", to {:.3f} s", s(record::cut_to_fact));
  const auto n = r.fact(record::in_flight_fact);
  return n.empty() || n == "0" ? out
                               : out + "; packets that were on their way at its beginning: " + n;
}

void print(const std::string& file, const recording& r) {
  say("{}: {}\n", file, verdict_text(r.how_it_ended()));
  const auto host = r.fact("host");
  const auto hosts = r.fact(record::hosts_fact);
  say("graph {} ({}), recorded by hocket {} in {} time{}\n", r.fact("graph_name"),
      r.fact("graph_hash"), r.fact("hocket_version"), r.fact("clock"),
      !hosts.empty() ? " on hosts " + hosts
      : host.empty() ? ""
                     : " on host " + host + " alone");
  if (const auto piece = r.fact(record::piece_fact); !piece.empty())
    say("piece {} of a recording that was written in turns; `hocket record merge` makes one of "
        "all\n",
        piece);
  if (const auto cut = r.fact(record::cut_from_fact); !cut.empty()) say("cut: {}\n", cut_text(r));
  for (const auto& n : r.revisions())
    say("rewired at {:.3f} s: revision {} ({}) from micro-turn {} on\n", n.from.seconds(), n.number,
        n.hash, n.micro_turn);
  say("{} packets of {} sessions, {:.3f} to {:.3f} s, {} events, {:.1f} MB\n\n", r.packets(),
      r.sessions().size(), r.first().seconds(), r.last().seconds(), r.events().size(),
      static_cast<double>(r.size_bytes()) / 1e6);
  say("{:<28} {:>9} {:>8}  {:<24} {}\n", "output", "packets", "missing", "component", "media");
  for (const auto& o : r.outputs())
    say("{:<28} {:>9} {:>8}  {:<24} {}\n", o.name, o.packets, o.missing, about(o, "component"),
        about(o, "media"));
  for (const auto& p : r.problems()) say("problem: {}\n", p);
}

int info(const record_options& o) {
  const auto r = recording::open(o.file);
  if (!r)
    return complain(r.error(), exit_bad_input,
                    "give an MCAP file that `hocket run --record` or record.mcap wrote");
  if (o.json)
    say("{}\n", to_json(o.file, **r).dump(-1, ' ', false, json::error_handler_t::replace));
  else
    print(o.file, **r);
  return exit_fine;
}

result<record::mcap_recovered> recover_file(const std::string& file, const std::string& out) {
  const auto from = record::open_source(file);
  if (!from) return fail(from);
  // Before anything is written: a file that is none leaves no half-made other one.
  if (const auto seen = record::read_contents(**from); !seen) return fail(seen);
  auto sink = record::open_sink(out);
  if (!sink) return fail(sink);
  auto writer = record::mcap_writer::create(std::move(*sink), {.library = "hocket"});
  if (!writer) return fail(writer);
  auto done = record::recover_into(**from, **writer);
  if (!done) return done;
  // The last verdict in a file counts; a recorder's own stays where it came to say one.
  if (!done->was_closed || done->damaged_chunks > 0 || done->damaged_attachments > 0 ||
      done->lost_bytes > 0)
    HOCKET_TRY((*writer)->add_metadata(
        std::string(record::verdict_name),
        {{"complete", "false"},
         {"why", fmt::format("recovered: the original ended without its index; {} damaged chunks, "
                             "{} bytes behind the last whole record",
                             done->damaged_chunks, done->lost_bytes)}}));
  HOCKET_TRY((*writer)->close());
  return done;
}

int recover(const record_options& o) {
  if (o.out.empty())
    return complain({"cli.bad-arguments", "recover: the file to write is missing"}, exit_bad_input,
                    "`hocket record recover TORN.mcap WHOLE.mcap`");
  std::error_code ignored;
  if (std::filesystem::equivalent(o.file, o.out, ignored))
    return complain({"record.same_file", o.out + ": would overwrite what is to be recovered"},
                    exit_bad_input, "give another file to write");
  const auto done = recover_file(o.file, o.out);
  if (!done) {
    const bool input = done.error().code != record::code_of(record::mcap_error::cannot_write);
    return complain(done.error(), input ? exit_bad_input : exit_failed);
  }
  if (o.json)
    say("{}\n", json({{"out", o.out},
                      {"messages", done->messages},
                      {"chunks", done->chunks},
                      {"damaged_chunks", done->damaged_chunks},
                      {"damaged_attachments", done->damaged_attachments},
                      {"lost_bytes", done->lost_bytes},
                      {"was_closed", done->was_closed}})
                    .dump());
  else
    say("{}: {} messages of {} whole chunks{}; {} damaged chunks, {} damaged attachments and {} "
        "bytes of a torn tail are left out\n",
        o.out, done->messages, done->chunks, done->was_closed ? " (the file had its end)" : "",
        done->damaged_chunks, done->damaged_attachments, done->lost_bytes);
  const bool damaged = done->damaged_chunks > 0 || done->lost_bytes > 0 || !done->was_closed;
  if (damaged && done->messages == 0)
    return complain({"record.nothing_recovered",
                     o.file + ": no message of it is whole; there was nothing to save"},
                    exit_failed);
  return exit_fine;
}

bool is_sealed_file(const std::string& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) return true;  // a pipe is read once
  std::ifstream in(path, std::ios::binary);
  std::string head(16, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  return trust::is_sealed(std::string_view(head).substr(0, static_cast<std::size_t>(in.gcount())));
}

int unseal(const record_options& o) {
  if (o.out.empty())
    return complain({"cli.bad-arguments", "unseal: the file to write is missing"}, exit_bad_input,
                    "`hocket record unseal SEALED READABLE`");
  std::error_code ignored;
  if (std::filesystem::equivalent(o.file, o.out, ignored))
    return complain({"record.same_file", o.out + ": would overwrite what is to be read"},
                    exit_bad_input, "give another file to write");
  trust::seal_report report;
  auto text = trust::read_maybe_sealed(o.file, std::uint64_t{8} << 30, &report);
  if (!text) return complain(text.error(), exit_bad_input);
  if (!is_sealed_file(o.file))
    return complain({"record.not_sealed", o.file + ": is not sealed; whoever may open it reads it"},
                    exit_bad_input);
  const auto done = trust::write_file(o.out, *text);
  if (!done) return complain(done.error(), exit_failed);
  say("{}: {} bytes that anybody who can open it can read\n", o.out, text->size());
  if (const auto wrong = report.problem(); !wrong.empty()) say("problem: {}\n", wrong);
  return exit_fine;
}

}  // namespace

int run_record(const record_options& o) {
  if (o.what != "cut" && (o.from_s >= 0 || o.to_s >= 0))
    return complain({"cli.bad-arguments", "--from and --to go with `record cut` alone"},
                    exit_bad_input, "`hocket record cut FILE --from 12.5 --to 40 -o OUT`");
  if (o.what != "merge" && !o.with.empty())
    return complain({"cli.bad-arguments", "--with goes with `record merge` alone"}, exit_bad_input,
                    "`hocket record merge EDGE.mcap --with GPU.mcap -o WHOLE.mcap`");
  return o.what == "unseal"    ? unseal(o)
         : o.what == "recover" ? recover(o)
         : o.what == "merge"   ? merge_pieces(o)
         : o.what == "cut"     ? cut_by_time(o)
         : o.what == "delete"  ? delete_records(o)
                               : info(o);
}

}  // namespace hocket::cli
