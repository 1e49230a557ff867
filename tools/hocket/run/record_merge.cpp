// `hocket record merge`: one recording of the pieces that --rotate left.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/record/mcap_reader.hpp"
#include "actors/record/mcap_writer.hpp"
#include "actors/record/recording.hpp"
#include "actors/record/rotation.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

struct merged {
  std::size_t pieces = 0;
  record::mcap_recovered copied;
  std::string missing;  ///< why the whole is not complete; "": it is
};

/// What all pieces of one recording say alike.
std::string common_facts(const record::recording& r) {
  std::string out;
  for (const auto& [name, value] : r.facts())
    if (name != record::piece_fact && name != "joined_ns") out += name + "=" + value + "\n";
  return out;
}

/// Whether they follow each other and hold all; says why not. Errors: record.not_pieces.
result<std::string> check_pieces(const std::vector<std::string>& files) {
  std::string facts, missing;
  int expected = 1;
  for (const auto& file : files) {
    const auto r = record::recording::open(file);
    if (!r) return fail(r.error().code, file + ": " + r.error().message);
    const auto number = (*r)->fact(record::piece_fact);
    if (number.empty())
      return fail("record.not_pieces", file + " was not written in turns: it is no piece");
    if (facts.empty()) facts = common_facts(**r);
    if (common_facts(**r) != facts)
      return fail("record.not_pieces",
                  fmt::format("{} and {} are not of one recording", files.front(), file));
    const int n = std::atoi(number.c_str());
    if (n != expected && missing.empty())
      missing = n == expected + 1 ? fmt::format("piece {} is not there", expected)
                                  : fmt::format("pieces {} to {} are not there", expected, n - 1);
    expected = n + 1;
    if (const auto how = (*r)->how_it_ended(); !how.complete && missing.empty())
      missing = fmt::format("piece {}: {}", n, how.why);
  }
  return missing;
}

result<merged> merge(const record_options& o) {
  auto files = record::pieces_of(o.file);
  if (fs::exists(o.file)) files.push_back(o.file);
  if (files.empty())
    return fail("record.not_pieces", o.file + ": no such file, and no piece of it");
  merged out;
  auto missing = check_pieces(files);
  if (!missing) return fail(missing);
  out.missing = std::move(*missing);
  std::vector<std::unique_ptr<record::byte_source>> from;
  for (const auto& file : files) {
    auto one = record::open_source(file);
    if (!one) return fail(one);
    from.push_back(std::move(*one));
  }
  auto sink = record::open_sink(o.out);
  if (!sink) return fail(sink);
  auto writer = record::mcap_writer::create(std::move(*sink), {.library = "hocket"});
  if (!writer) return fail(writer);
  // The whole is no piece; whether it begins with the run, its first piece says.
  auto facts = record::recording::open(files.front()).value()->facts();
  facts.erase(record::piece_fact);
  HOCKET_TRY((*writer)->add_metadata(std::string(record::facts_name), facts));
  const auto done = record::merge_into(
      from, **writer, {std::string(record::verdict_name), std::string(record::facts_name)});
  if (!done) return fail(done);
  out.copied = *done;
  out.pieces = files.size();
  HOCKET_TRY((*writer)->add_metadata(
      std::string(record::verdict_name),
      {{"complete", out.missing.empty() ? "true" : "false"}, {"why", out.missing}}));
  HOCKET_TRY((*writer)->close());
  return out;
}

}  // namespace

int merge_pieces(const record_options& o) {
  if (o.out.empty())
    return complain({"cli.bad-arguments", "merge: the file to write is missing"}, exit_bad_input,
                    "`hocket record merge TALK.mcap WHOLE.mcap`; the pieces lie beside TALK.mcap");
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
                                        {"messages", done->copied.messages},
                                        {"complete", done->missing.empty()},
                                        {"why", done->missing}})
                    .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    say("{}: {} messages of {} pieces, {}\n", o.out, done->copied.messages, done->pieces,
        done->missing.empty() ? "COMPLETE" : "INCOMPLETE: " + done->missing);
  return exit_fine;
}

}  // namespace hocket::cli
