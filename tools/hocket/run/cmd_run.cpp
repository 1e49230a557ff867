#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "actors/distributed/ask_graph.hpp"
#include "actors/host/runtime.hpp"
#include "actors/record/graph_recorder.hpp"
#include "actors/start_run.hpp"
#include "graph/spec/outputs.hpp"
#include "graph/trust/audit.hpp"
#include "graph/trust/capability.hpp"
#include "graph/trust/redaction.hpp"
#include "graph/trust/sealed/sealed.hpp"
#include "graph/trust/trial.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/process.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/run/kept_conversation.hpp"
#include "tools/hocket/run/last_words.hpp"
#include "tools/hocket/run/no_run.hpp"
#include "tools/hocket/run/out_lock.hpp"
#include "tools/hocket/run/peer_rules.hpp"
#include "tools/hocket/run/placement.hpp"
#include "tools/hocket/run/recorder.hpp"
#include "tools/hocket/run/run_files.hpp"
#include "tools/hocket/run/run_history.hpp"
#include "tools/hocket/run/screen.hpp"
#include "tools/hocket/run/watchers.hpp"
#include "tools/hocket/run/written.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/types.hpp"
#include "tools/report/event_log.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<screen> make_screen(const run_options& o) {
  const auto t = this_terminal();
  if (o.json) return make_json_screen(!o.no_pii);
  if (t.is_terminal && !o.plain) return make_terminal_screen(t);
  return make_plain_screen();
}

/// Why the run is to end in good order before its end: "" where nothing asks for it.
std::string asked_to_stop(const run_options& o, timestamp now) {
  if (const int s = signal_that_came(); s != 0) return name_of_signal(s);
  if (o.duration_s > 0 && now.seconds() >= o.duration_s) return "--duration";
  return output_abandoned() ? "nobody reads the output any more" : "";
}

/// Waits for the end while keeping the screen alive; stops in good order on a signal, when nobody
/// reads what is printed any more, or when the asked duration of stream time is over.
host::run_summary watch(host::runtime& run, const run_options& o, screen& view, watchers& others,
                        const record::graph_recorder* recording) {
  bool told = false, stopping = false, told_output = false;
  auto end = std::async(std::launch::async, [&] { return run.wait(); });
  const auto look = [&](const host::snapshot& now) {
    others.look(now);
    const auto why = stopping ? "" : asked_to_stop(o, now.now);
    if (why.empty()) return;
    stopping = true;
    if (output_abandoned()) fmt::print(stderr, "stopping in good order: {}\n", why);
    others.stopping();
    run.stop();
  };
  // A pager that waits keeps neither the duration nor a signal from ending the run.
  while_blocked([&] {
    look(run.status());
    return stopping;
  });
  while (end.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    const auto now = run.status();
    view.refresh(now);
    look(now);
    if (recording != nullptr && !told && !recording->trouble().empty()) {
      told = true;
      say(stderr, "warning: {} [record.gap]\n", recording->trouble());
    }
    if (const int bad = output_trouble(); bad != 0 && !told_output && !output_abandoned()) {
      told_output = true;
      fmt::print(stderr, "warning: standard output: {}; the run goes on without it [run.output]\n",
                 std::strerror(bad));
    }
  }
  while_blocked([] { return true; });
  return end.get();
}

/// The recording that --record asks for; nothing where it asks for none.
result<std::unique_ptr<record::graph_recorder>> make_recording(
    const run_options& o, const loaded_graph& loaded, int graph_revision,
    const record::rotation_limits& rotate) {
  if (o.record.empty()) return nullptr;
  record::graph_recorder_options how;
  how.path = o.record;
  how.edges = o.record_edges;
  how.rotate = rotate;
  how.version = fmt::format("{} ({})", report::version(), report::revision());
  how.virtual_time = o.virtual_time;
  how.sessions = o.sessions;
  how.revision = graph_revision;
  how.host = o.host;
  how.with_pii = !o.no_pii;
  return record::graph_recorder::create(*loaded.graph, *loaded.types, how);
}

/// Ends the recording and says what became of it.
void end_recording(const run_options& o, record::graph_recorder* recording) {
  if (recording == nullptr) return;
  const auto end = recording->finish();
  if (!end.complete)
    say(stderr, "warning: {} is INCOMPLETE: {}; {} packets are missing [record.incomplete]\n",
        o.record, end.why, end.lost);
  if (const auto& why = recording->not_forgotten(); !why.empty())
    say(stderr, "warning: {} [record.not_forgotten]\n", why);
}

/// A dump of a process that has keys would hold them, and what was said.
void keep_secrets_out_of_dumps() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // programs that take dumps heed it, too
}

/// What was said stands in no message about it; the graph's own names do, and those of its tools.
void keep_words_out_of_messages(const loaded_graph& loaded) {
  trust::keep_words_out();
  note_names(*loaded.graph);
  for (const auto& tool : loaded.types->tool_names()) trust::note_vocabulary(tool);
}

/// What `hocket apply`, and a run that goes on, need: how a new file is read here.
run_history::read_graph reader_of(const run_options& o, const loaded_graph& loaded,
                                  peer_rules rules) {
  return [types = std::make_shared<live_types>(loaded.types, o.how.plugins, o.may_load), o,
          rules = std::move(rules),
          has_hosts = !loaded.graph->hosts.empty()](host::graph_text& g) -> result<plan> {
    auto next = load_for_rewire(g, *types, o.how, rules, has_hosts);
    if (!next) return next;
    if (const auto paths = check_run_files(o, *next, {}); paths.has_errors())
      return fail("apply.bad_graph", paths.to_string());
    return next;
  };
}

/// An option that means something to a graph with `hosts:` alone; nullptr where none was given.
const char* of_hosts_alone(const run_options& o, const plan& graph) {
  if (!graph.hosts.empty()) return nullptr;
  return !o.listen.empty()         ? "--listen"
         : !o.secret_key.empty()   ? "--secret-key"
         : !o.address_file.empty() ? "--address-file"
                                   : nullptr;
}

/// Without --out: two hosts of a graph on one machine have a folder each.
run_options with_folder(run_options o) {
  if (o.out.empty()) o.out = o.host.empty() ? "out" : "out/" + o.host;
  return o;
}

/// Opens all actors, and ends the process at the first signal meanwhile: what blocks in an open (a
/// pipe that nobody writes to, a server that does not answer) cannot be asked to come back.
result<std::unique_ptr<host::runtime>> start_or_stop(const loaded_graph& loaded,
                                                     const start_options& how,
                                                     std::optional<trust::trial>& start_of_run) {
  auto started =
      std::async(std::launch::async, [&] { return start_run(*loaded.graph, *loaded.types, how); });
  while (started.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
    if (signal_that_came() == 0) continue;
    // A start that is nearly done becomes a run that is stopped in good order.
    if (started.wait_for(std::chrono::seconds(1)) == std::future_status::ready) break;
    start_of_run.reset();
    say(stderr, "stopped while its actors were opening; nothing was changed\n");
    std::fflush(nullptr);
    _exit(exit_fine);
  }
  return started.get();
}

/// A host that was killed while a new graph was being decided asks the others what became of it.
run_history::ask_others ask_peers(const loaded_graph& loaded,
                                  const distributed::host_options& where) {
  return [&](const newest_revision& vote) -> result<bool> {
    if (loaded.graph->hosts.empty()) return false;
    end_in_order_on_signals();
    say(stderr,
        "note: this host was killed when it had agreed to revision {}, before it was known what "
        "became of that; asking the others, and waiting for them [run.asks]\n",
        vote.revision);
    std::string known;
    return distributed::has_graph(*loaded.graph, where, {vote.before, vote.hash},
                                  [&](const std::string& about) {
                                    if (about != known && !about.empty())
                                      say(stderr, "note: {}\n", about);
                                    known = about;
                                    return signal_that_came() == 0;
                                  });
  };
}

/// What a run needs before anything of an earlier one is touched.
struct prepared {
  record::rotation_limits rotate;
  loaded_graph loaded;
  distributed::host_options where;
  out_lock lock;
  run_history::read_graph read;
  std::unique_ptr<run_history> history;
};

/// Reads, judges and places the graph, takes the folder, and looks what a killed run left. Where
/// something is wrong it is said, and the exit code comes back.
tl::expected<prepared, int> prepare(const run_options& o) {
  if (o.graph.empty())
    return tl::unexpected(complain({"cli.bad-arguments", "graph is required"}, exit_bad_input,
                                   "see `hocket run --help`"));
  const auto rotate =
      o.rotate.empty() ? result<record::rotation_limits>() : record::read_rotation(o.rotate);
  if (!rotate) return tl::unexpected(complain(rotate.error(), exit_bad_input));
  auto loaded = load_graph_to_run(o.graph, o.how);
  if (print_findings(loaded.findings) != exit_fine || !loaded.graph)
    return tl::unexpected(exit_bad_input);
  if (const auto* const option = of_hosts_alone(o, *loaded.graph); option != nullptr)
    return tl::unexpected(complain(
        {"cli.bad-arguments",
         fmt::format("{}: {} names no hosts, so that this would do nothing", option, o.graph)},
        exit_bad_input, "leave it out, or write `hosts:` into the graph"));
  auto rules = rules_for_peers(*loaded.graph, o.host, o.allow);
  if (!rules) return tl::unexpected(complain(rules.error(), exit_bad_input));
  auto where = place_here(*loaded.graph, o);
  if (!where)
    return tl::unexpected(
        complain(where.error(), exit_bad_input,
                 where.error().code == "placement.no_host" ? "add --host NAME" : ""));
  if (print_findings(check_run_files(o, *loaded.graph, loaded.includes)) != exit_fine)
    return tl::unexpected(exit_bad_input);
  // Before anything in the folder is touched, or read to go on with.
  auto lock =
      out_lock::take(o.out, "run of " + o.graph + (o.host.empty() ? "" : " (host " + o.host + ")"));
  if (!lock) return tl::unexpected(no_folder(lock.error()));
  auto read = reader_of(o, loaded, std::move(*rules));
  auto history = run_history::begin(o, loaded, read, ask_peers(loaded, *where));
  if (!history) return tl::unexpected(no_beginning(history.error()));
  where = place_here(*loaded.graph, o);  // of the graph that it goes on with
  if (!where) return tl::unexpected(complain(where.error(), exit_bad_input));
  return prepared{*rotate,          std::move(loaded), std::move(*where),
                  std::move(*lock), std::move(read),   std::move(*history)};
}

/// What the run is started with; who watches it is added by the caller.
start_options options_of_start(const run_options& o, prepared& p, watchers& others) {
  start_options how;
  how.virtual_time = o.virtual_time;
  how.sessions = o.sessions;
  how.threads = o.threads;
  how.output_dir = o.out;
  how.may = std::make_shared<const trust::capability>(trust::default_policy(trust::level::own),
                                                      o.out, !o.no_pii);
  how.status_socket = (fs::path(o.out) / "hocket.sock").string();
  how.answer = [&others, &kept = *p.history](const std::string& line,
                                             const start_options::sayer& say) {
    auto out = kept.answer(line);
    return out.empty() ? others.answer(line, say) : out;
  };
  how.observers = others.observers();
  how.host = std::move(p.where);
  how.load = p.read;
  p.history->follow(how);
  return how;
}

/// The picture of what was said, where one may be made of it.
void draw_what_was_said(const run_options& o, report::conversation& what) {
  if (o.no_pii) {
    for (auto& d : what.delegations) d.task.clear(), d.answer.clear();
    what.words.clear();
  }
  // A picture shows what was said, and is nothing that can be sealed.
  const auto key = trust::sealing_key();
  const bool sealed = !key || !key->empty();
  if (o.no_picture || sealed) return;
  for (const auto& problem : draw_pictures(what, o.out)) say(stderr, "warning: {}\n", problem);
}

/// From the opening of its actors to its last word.
int run_prepared(const run_options& o, prepared& p) {
  // The results of the run before stay until all actors are open.
  std::optional<trust::trial> start_of_run(std::in_place);
  if (!p.where.secret_key.empty()) keep_secrets_out_of_dumps();
  // A picture of an earlier run would look like this one's, should this one be killed.
  start_of_run->when_kept([&] {
    std::error_code ignored;
    for (const char* name : picture_files) fs::remove(fs::path(o.out) / name, ignored);
  });
  auto log =
      report::event_log::open((fs::path(o.out) / "events.jsonl").string(), !o.no_pii, p.rotate);
  if (!log) return complain(log.error(), exit_bad_input);

  if (o.no_pii) keep_words_out_of_messages(p.loaded);
  const trust::audit refusals(o.out);
  auto others = watchers::make(o, *p.loaded.graph);
  if (!others)
    return complain(others.error(),
                    others.error().code == "http.cannot_listen" ? exit_failed : exit_bad_input,
                    watchers::hint(others.error()));
  auto recording = make_recording(o, p.loaded, p.history->revision(), p.rotate);
  if (!recording) return complain(recording.error(), exit_bad_input);

  const auto view = make_screen(o);
  kept_conversation kept;
  std::vector<report::fact_sink*> sinks = {log->get(), view.get()};
  if (!o.no_picture) sinks.push_back(&kept);  // nothing is kept of what nobody draws
  recorder watcher(*p.loaded.graph, std::move(sinks));
  const auto files_start = fs::file_time_type::clock::now() - std::chrono::seconds(1);
  const auto start = std::chrono::steady_clock::now();

  auto how = options_of_start(o, p, **others);
  how.observers.insert(how.observers.begin(), &watcher);
  if (*recording) how.observers.push_back(recording->get());
  start_of_run->when_kept([&] { p.history->began(); });
  end_in_order_on_signals();
  auto run = start_or_stop(p.loaded, how, start_of_run);
  if (!run) {
    watcher.finish("failed", run.error().message);
    view->finish();
    return no_start(o, *p.loaded.graph, run.error());
  }
  (*others)->running(**run);
  const auto end = watch(**run, o, *view, **others, recording->get());
  (*others)->closed();
  watcher.finish(to_string(end.why), end.detail);
  view->finish();
  run->reset();
  p.history->ended(end.why);
  end_recording(o, recording->get());

  const auto wall = std::chrono::steady_clock::now() - start;
  const double wall_s =
      std::chrono::duration_cast<std::chrono::milliseconds>(wall).count() / 1000.0;
  draw_what_was_said(o, kept.kept);
  if (const auto gap = (*log)->problem(); !gap.empty()) say(stderr, "warning: {}\n", gap);
  auto written = written_since(o.out, files_start);
  std::erase_if(written,
                [](const auto& f) { return fs::path(f).filename() == out_lock::file_name; });
  print_end(o, end, written, wall_s);
  (*others)->finish(o.json);
  if (!end.last.law_holds())
    say(stderr, "error: a link's accounts do not add up [run.law_broken]\n");
  return end.why == host::end_reason::failed || !end.last.law_holds() ? exit_failed : exit_fine;
}

}  // namespace

int run_run(const run_options& given) {
  keep_output();
  const auto o = with_folder(given);
  if (!o.manifest.empty()) {
    const auto done = write_manifest(o.manifest);
    if (!done) return complain(done.error(), exit_bad_input);
    say("wrote {}.json\n", o.manifest);
    return exit_fine;
  }
  auto ready = prepare(o);
  return ready ? run_prepared(o, *ready) : ready.error();
}

}  // namespace hocket::cli
