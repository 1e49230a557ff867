// `hocket record merge`: one recording of the pieces that --rotate left, or of those of several hosts.
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "actors/record/mcap_reader.hpp"
#include "actors/record/mcap_writer.hpp"
#include "actors/record/merge_hosts.hpp"
#include "actors/record/pieces.hpp"
#include "actors/record/recording.hpp"
#include "actors/record/rotation.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

/// What lies under the names of one recording's pieces.
struct piece {
  std::string file;
  record::mcap_map facts;
  int number = 0;
  record::verdict how;
  std::map<std::string, std::uint64_t> lost_of;  ///< "mic.audio.cannot_write"
};

struct merged {
  std::size_t pieces = 0;
  std::size_t left_out =
      0;  ///< pieces of another recording, which an earlier run left; unreadable ones
  record::mcap_recovered copied;
  record::verdict how;
  std::map<std::string, std::uint64_t> lost_of;
};

/// What all pieces of one recording say alike.
record::mcap_map common_facts(const piece& p) {
  auto out = p.facts;
  out.erase(record::piece_fact);
  out.erase("joined_ns");
  return out;
}

/// What the recorder said is missing, by output and reason.
result<std::map<std::string, std::uint64_t>> lost_of(const std::string& file) {
  const auto from = record::open_source(file);
  if (!from) return fail(from);
  const auto contents = record::read_contents(**from);
  if (!contents) return fail(contents);
  constexpr std::string_view of = "lost.";
  std::map<std::string, std::uint64_t> out;
  for (const auto& [name, values] : contents->metadata) {
    if (name != record::verdict_name) continue;
    out.clear();  // the last one counts
    for (const auto& [key, n] : values)
      if (key.starts_with(of)) out[key.substr(of.size())] = std::strtoull(n.c_str(), nullptr, 10);
  }
  return out;
}

struct found_pieces {
  std::vector<piece> all;
  /// Why those that cannot be read cannot, by the number in their names; whose they are nobody knows.
  std::map<int, std::string> unreadable = {};
};

result<piece> read_piece(const std::string& file) {
  const auto r = record::recording::open(file);
  if (!r) {
    const auto& why = r.error().message;
    return fail(r.error().code, why.starts_with(file) ? why : file + ": " + why);
  }
  auto lost = lost_of(file);
  if (!lost) return fail(lost);
  return piece{file, (*r)->facts(), std::atoi((*r)->fact(record::piece_fact).c_str()),
               (*r)->how_it_ended(), std::move(*lost)};
}

/// All but the newest may be unreadable. Errors: record.not_pieces; those of the reader.
result<found_pieces> read_pieces(const std::string& path) {
  auto files = record::pieces_of(path);
  std::error_code ignored;
  if (fs::exists(path, ignored)) files.push_back(path);
  if (files.empty()) return fail("record.not_pieces", path + ": no such file, and no piece of it");
  found_pieces out;
  for (const auto& file : files) {
    auto one = read_piece(file);
    if (one)
      out.all.push_back(std::move(*one));
    else if (file == files.back())
      return fail(one);
    else
      out.unreadable[record::piece_number(path, file)] = one.error().message;
  }
  return out;
}

/// Those of the newest one's recording. A run that was not written in turns, or that had not turned
/// yet, leaves the pieces of the run before it where they are. Errors: record.not_pieces.
result<std::vector<piece>> of_one_recording(std::vector<piece> all) {
  const auto newest = all.back();
  if (newest.number == 0)
    return fail("record.not_pieces",
                newest.file + " was not written in turns: it is no piece" +
                    (all.size() > 1 ? ", and those beside it are an earlier run's" : ""));
  std::erase_if(all, [&](const piece& p) {
    return p.file != newest.file &&
           (p.number == 0 || p.number >= newest.number || common_facts(p) != common_facts(newest));
  });
  return all;
}

/// Whether they follow each other and hold all; what each lacks, the whole lacks.
record::verdict verdict_of(const std::vector<piece>& all,
                           const std::map<int, std::string>& unreadable) {
  record::verdict out;
  int expected = 1;
  for (const auto& p : all) {
    const auto bad = unreadable.lower_bound(expected);
    if (bad != unreadable.end() && bad->first < p.number && out.why.empty())
      out.why = fmt::format("piece {} cannot be read: {}", bad->first, bad->second);
    if (p.number != expected && out.why.empty())
      out.why = p.number == expected + 1
                    ? fmt::format("piece {} is not there", expected)
                    : fmt::format("pieces {} to {} are not there", expected, p.number - 1);
    expected = p.number + 1;
    if (!p.how.complete && out.why.empty())
      out.why = fmt::format("piece {}: {}", p.number, p.how.why);
    out.lost += p.how.lost;
  }
  out.complete = out.why.empty();
  return out;
}

record::mcap_map said_of(const merged& m) {
  const auto& v = m.how;
  record::mcap_map out = {{"complete", v.complete ? "true" : "false"},
                          {"lost", fmt::to_string(v.lost)},
                          {"why", v.why}};
  for (const auto& [what, n] : m.lost_of) out["lost." + what] = fmt::to_string(n);
  return out;
}

result<merged> merge(const record_options& o) {
  auto found = read_pieces(o.file);
  if (!found) return fail(found);
  merged out;
  out.left_out = found->all.size() + found->unreadable.size();
  const auto all = of_one_recording(std::move(found->all));
  if (!all) return fail(all);
  out.pieces = all->size();
  out.left_out -= out.pieces;
  out.how = verdict_of(*all, found->unreadable);
  for (const auto& p : *all)
    for (const auto& [what, n] : p.lost_of) out.lost_of[what] += n;
  std::vector<std::unique_ptr<record::byte_source>> from;
  for (const auto& p : *all) {
    auto one = record::open_source(p.file);
    if (!one) return fail(one);
    from.push_back(std::move(*one));
  }
  auto sink = record::open_sink(o.out);
  if (!sink) return fail(sink);
  auto writer = record::mcap_writer::create(std::move(*sink), {.library = "hocket"});
  if (!writer) return fail(writer);
  // The whole is no piece; whether it begins with the run, its first piece says.
  auto facts = all->front().facts;
  facts.erase(record::piece_fact);
  facts.erase(record::pieces_fact);
  HOCKET_TRY((*writer)->add_metadata(std::string(record::facts_name), facts));
  const auto done = record::merge_into(
      from, **writer, {std::string(record::verdict_name), std::string(record::facts_name)});
  if (!done) return fail(done);
  out.copied = *done;
  HOCKET_TRY((*writer)->add_metadata(std::string(record::verdict_name), said_of(out)));
  HOCKET_TRY((*writer)->close());
  return out;
}

/// Recordings that several hosts made of one run.
int merge_of_hosts(const record_options& o) {
  std::vector<std::string> files = {o.file};
  files.insert(files.end(), o.with.begin(), o.with.end());
  std::error_code ignored;
  for (const auto& file : files)
    if (file == o.out || fs::equivalent(file, o.out, ignored))
      return complain({"record.same_file", o.out + ": would overwrite what is to be merged"},
                      exit_bad_input, "give another file to write");
  const auto done = record::merge_hosts(files, o.out);
  if (!done) {
    const bool input = done.error().code != record::code_of(record::mcap_error::cannot_write);
    return complain(done.error(), input ? exit_bad_input : exit_failed);
  }
  for (const auto& [output, host] : done->senders_missing)
    say(stderr,
        "warning: {}: no recording of the host that sent it is given; what {} took of it is in "
        "{}, what others took is not [record.sender_missing]\n",
        output, host, o.out);
  if (o.json)
    say("{}\n", nlohmann::ordered_json({{"out", o.out},
                                        {"hosts", done->hosts},
                                        {"messages", done->messages},
                                        {"copies", done->copies},
                                        {"calls", done->calls},
                                        {"senders_missing", done->senders_missing},
                                        {"complete", done->how.complete},
                                        {"lost", done->how.lost},
                                        {"why", done->how.why}})
                    .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    say("{}: {} messages of hosts {}, what they took from each other once, {}\n", o.out,
        done->messages, fmt::join(done->hosts, ", "),
        done->how.complete ? "COMPLETE" : "INCOMPLETE: " + done->how.why);
  return exit_fine;
}

}  // namespace

int merge_pieces(const record_options& o) {
  if (o.out.empty())
    return complain({"cli.bad-arguments", "merge: the file to write is missing"}, exit_bad_input,
                    "`hocket record merge TALK.mcap WHOLE.mcap`; the pieces lie beside TALK.mcap");
  if (!o.with.empty()) return merge_of_hosts(o);
  auto inputs = record::pieces_of(o.file);
  inputs.push_back(o.file);
  std::error_code ignored;
  for (const auto& file : inputs)
    if (file == o.out || fs::equivalent(file, o.out, ignored))
      return complain({"record.same_file", o.out + ": would overwrite what is to be merged"},
                      exit_bad_input, "give another file to write");
  const auto done = merge(o);
  if (!done) {
    const bool input = done.error().code != record::code_of(record::mcap_error::cannot_write);
    return complain(done.error(), input ? exit_bad_input : exit_failed);
  }
  if (o.json)
    say("{}\n", nlohmann::ordered_json({{"out", o.out},
                                        {"pieces", done->pieces},
                                        {"left_out", done->left_out},
                                        {"messages", done->copied.messages},
                                        {"complete", done->how.complete},
                                        {"lost", done->how.lost},
                                        {"why", done->how.why}})
                    .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    say("{}: {} messages of {} pieces{}, {}\n", o.out, done->copied.messages, done->pieces,
        done->left_out == 0
            ? ""
            : fmt::format(" ({} beside them are of another recording, or unreadable, and left out)",
                          done->left_out),
        done->how.complete ? "COMPLETE" : "INCOMPLETE: " + done->how.why);
  if (!done->how.complete && done->copied.messages == 0)
    return complain({"record.nothing_recovered",
                     o.file + ": no message of its pieces is whole; there was nothing to save"},
                    exit_failed);
  return exit_fine;
}

}  // namespace hocket::cli
