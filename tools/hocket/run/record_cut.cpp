// `hocket record cut`: a part of a recording as one of its own.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/record/cut.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

timestamp at_s(double s) { return timestamp(static_cast<std::int64_t>(s * 1e9)); }

}  // namespace

int cut_by_time(const record_options& o) {
  const auto bad = [](std::string why) {
    return complain({"cli.bad-arguments", std::move(why)}, exit_bad_input,
                    "`hocket record cut FILE --from 12.5 --to 40 -o OUT`");
  };
  if (o.out.empty()) return bad("cut: the file to write is missing");
  if (o.from_s < 0 && o.to_s < 0) return bad("cut: it takes --from, --to, or both");
  std::error_code ignored;
  if (o.file == o.out || std::filesystem::equivalent(o.file, o.out, ignored))
    return complain({"record.same_file", o.out + ": would overwrite what is to be cut"},
                    exit_bad_input, "give another file to write");
  record::cut_range range;
  if (o.from_s >= 0) range.from = at_s(o.from_s);
  if (o.to_s >= 0) range.to = at_s(o.to_s);
  const auto done = record::cut_recording(o.file, range, o.out);
  if (!done) {
    const auto& code = done.error().code;
    const bool input = code != record::code_of(record::mcap_error::cannot_write);
    return complain(done.error(), input ? exit_bad_input : exit_failed,
                    code == "record.nothing_there" || code == "record.bad_range"
                        ? "`hocket record info FILE` says which times it holds"
                        : "");
  }
  if (o.json)
    say("{}\n", nlohmann::ordered_json({{"out", o.out},
                                        {"from_s", done->from.seconds()},
                                        {"packets", done->packets},
                                        {"in_flight", done->in_flight},
                                        {"left_out", done->left_out},
                                        {"revision", done->revision},
                                        {"complete", done->how.complete},
                                        {"why", done->how.why}})
                    .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    say("{}: {} packets from {:.3f} s on ({} of them on their way then), {} left out, graph "
        "revision {}, {}\n",
        o.out, done->packets, done->from.seconds(), done->in_flight, done->left_out, done->revision,
        done->how.complete ? "COMPLETE" : "INCOMPLETE: " + done->how.why);
  return exit_fine;
}

}  // namespace hocket::cli
