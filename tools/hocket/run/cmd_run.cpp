#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/distributed/ask_graph.hpp"
#include "actors/rewire/report.hpp"
#include "actors/host/runtime.hpp"
#include "actors/start_run.hpp"
#include "actors/record/graph_recorder.hpp"
#include "graph/spec/outputs.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/sealed/sealed.hpp"
#include "graph/trust/audit.hpp"
#include "graph/trust/capability.hpp"
#include "graph/trust/redaction.hpp"
#include "graph/trust/secret.hpp"
#include "graph/trust/trial.hpp"
#include "tools/hocket/run/accounts.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/report/conversation.hpp"
#include "tools/report/event_log.hpp"
#include "tools/report/measures.hpp"
#include "tools/report/picture.hpp"
#include "tools/hocket/run/placement.hpp"
#include "tools/hocket/run/recorder.hpp"
#include "tools/hocket/run/out_lock.hpp"
#include "tools/hocket/run/run_history.hpp"
#include "tools/hocket/run/screen.hpp"
#include "tools/hocket/run/peer_rules.hpp"
#include "tools/hocket/run/written.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/doctor.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/process.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/types.hpp"
#include "tools/hocket/run/watchers.hpp"

namespace hocket::cli {

using namespace report;
namespace {

namespace fs = std::filesystem;

constexpr std::array pictures = {"conversation.svg", "conversation.png"};

/// Keeps the first conversation, for the picture at the end: its last half hour.
class keeper final : public fact_sink {
 public:
  void take(const fact& f) override {
    if (f.session != 0 && kept.session == 0) kept.session = f.session;
    if (f.session != 0 && f.session != kept.session) return;
    kept.apply(f);
    if (kept.turns.size() > max_turns) kept.turns.erase(kept.turns.begin());
    drop_old(kept.words);
    drop_old(kept.events);
    drop_old(kept.delegations);
  }
  conversation kept;

 private:
  template <class T>
  static void drop_old(std::vector<T>& all) {
    if (all.size() > max_others)
      all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(max_others / 2));
  }

  // Half an hour: a picture shows ten minutes, and a run may last for weeks. 0.4 KiB a micro-turn.
  static constexpr std::size_t max_turns = 9'000, max_others = 20'000;
};

std::unique_ptr<screen> make_screen(const run_options& o) {
  const auto t = this_terminal();
  if (o.json) return make_json_screen(!o.no_pii);
  if (t.is_terminal && !o.plain) return make_terminal_screen(t);
  return make_plain_screen();
}

std::string_view to_string(host::end_reason why) {
  switch (why) {
    case host::end_reason::finished: return "finished";
    case host::end_reason::stopped: return "stopped";
    case host::end_reason::failed: break;
  }
  return "failed";
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

std::vector<std::string> draw(const conversation& what, const std::string& out) {
  std::vector<std::string> problems;
  for (const char* name : pictures) {
    const auto path = fs::path(out) / name;
    if (auto done = draw_conversation(what, path.string()); !done) {
      problems.push_back(done.error().message);
      std::error_code ignored;
      fs::remove(path, ignored);  // half a picture is none
    }
  }
  return problems;
}

/// Figures and names of the graph, whose prose lost its words before: to look for words in a whole line
/// of JSON would take its keys and its numbers.
void print_figures(std::FILE* to, const std::string& text) {
  const auto clean = clean_text(trust::without_secrets(text));
  std::fwrite(clean.data(), 1, clean.size(), to);
}

/// The run's last words. Where nobody reads them, standard error has them.
void print_end(const run_options& o, const host::run_summary& end,
               const std::vector<std::string>& files, double wall_s) {
  const bool unread = output_trouble() != 0 || output_abandoned();
  auto* const to = unread ? stderr : stdout;
  const auto detail = trust::redacted(end.detail);
  if (o.json && !unread) {
    auto line = nlohmann::ordered_json::parse(accounts_json(end.last));
    nlohmann::ordered_json summary = {{"type", "summary"}, {"why", to_string(end.why)},
                                      {"detail", detail},  {"stream_s", end.last.now.seconds()},
                                      {"wall_s", wall_s},  {"files", files}};
    summary.update(line);
    print_figures(to,
                  summary.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  print_figures(to,
                fmt::format("\n{}\n{}{} after {:.1f} s of stream time, {:.1f} s of wall time\n",
                            accounts_text(end.last), to_string(end.why),
                            detail.empty() ? "" : ": " + detail, end.last.now.seconds(), wall_s));
  for (const auto& file : files) print_figures(to, fmt::format("wrote {}\n", file));
}

}  // namespace

/// What to call where the start failed: doctor, if it finds something in this graph here and now.
std::string doctor_hint(const run_options& o, const plan& graph) {
  const auto found = examine_graph(graph);
  const auto bad = std::ranges::find(found, finding::grade::bad, &finding::how);
  if (bad == found.end()) return "";
  auto line = "hocket doctor " + shell_word(o.graph);
  for (const auto& s : o.how.sets) line += " --set " + shell_word(s);
  for (const auto& p : o.how.params) line += " --param " + shell_word(p);
  for (const auto& p : o.how.plugins) line += " --plugin " + shell_word(p);
  return fmt::format("`{}` says what it lacks: {}: {}", line, bad->what, bad->detail);
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
  how.version = fmt::format("{} ({})", version(), revision());
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

/// What this process will write, and what must stay as it is.
diagnostics check_paths(const run_options& o, const plan& graph,
                        const std::vector<std::string>& includes) {
  const bool in_turns = !o.rotate.empty();
  std::vector<spec::named_file> writes = {
      {"events.jsonl", "the run (its event log)", {}, "", in_turns},
      {"refusals.jsonl", "the run (what it refused)"},
      {"hocket.sock", "the run (its status)"},
      {".hocket.lock", "the run (its lock)"},
      {"revisions", "the run (its revisions)", {}, "", false, true}};
  for (const char* name : pictures) writes.push_back({name, "the run (its picture)"});
  for (auto& f : spec::outputs_of(graph))
    if (f.host.empty() || f.host == o.host) writes.push_back(std::move(f));
  writes = spec::beneath(o.out, std::move(writes));
  writes.push_back({o.record, "--record", {}, "", in_turns});
  writes.push_back({o.trace, "--trace"});
  writes.push_back({o.address_file, "--address-file"});
  auto reads = spec::inputs_of(graph);
  reads.push_back({o.graph, "the graph file"});
  reads.push_back({o.secret_key, "--secret-key"});
  for (const auto& path : includes) reads.push_back({path, "a part of the graph"});
  diagnostics out;
  spec::check_files(writes, reads, out);
  return out;
}

/// What `hocket apply`, and a run that goes on, need: how a new file is read here.
run_history::read_graph reader_of(const run_options& o, const loaded_graph& loaded,
                                  peer_rules rules) {
  return [types = std::make_shared<live_types>(loaded.types, o.how.plugins, o.may_load), o,
          rules = std::move(rules),
          has_hosts = !loaded.graph->hosts.empty()](host::graph_text& g) -> result<plan> {
    auto next = load_for_rewire(g, *types, o.how, rules, has_hosts);
    if (!next) return next;
    if (const auto paths = check_paths(o, *next, {}); paths.has_errors())
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

/// Why the run cannot go on from what a killed one left, and what to do; the exit code.
int no_beginning(const error& why) {
  if (why.code == "rewire.not-asked") {
    say(stderr, "stopped before a host answered; the vote stays open, and the next start asks\n");
    return exit_fine;
  }
  if (why.code == "run.reads_otherwise" || why.code == "apply.bad_graph")
    return complain(
        why, exit_bad_input,
        "start it as it was started then, with the same --param, --set and environment");
  if (why.code == "rewire.plugins" || why.code.starts_with("plugin."))
    return complain(why, exit_bad_input,
                    "a killed run left a revision with this plugin: start it with the same "
                    "--may-load; --from-file begins with the file");
  const bool kept = why.code.starts_with("apply.") || why.code.starts_with("trust.") ||
                    why.code == "rewire.not_allowed";
  return complain(why, exit_bad_input,
                  kept ? "a killed run left this revision; --from-file begins with the file, which "
                         "the other hosts must have, too"
                       : "");
}

int run_run(const run_options& given) {
  keep_output();
  const auto o = with_folder(given);
  if (!o.manifest.empty()) {
    const auto done = write_manifest(o.manifest);
    if (!done) return complain(done.error(), exit_bad_input);
    say("wrote {}.json\n", o.manifest);
    return exit_fine;
  }
  if (o.graph.empty())
    return complain({"cli.bad-arguments", "graph is required"}, exit_bad_input,
                    "see `hocket run --help`");
  const auto rotate =
      o.rotate.empty() ? result<record::rotation_limits>() : record::read_rotation(o.rotate);
  if (!rotate) return complain(rotate.error(), exit_bad_input);
  auto loaded = load_graph_to_run(o.graph, o.how);
  if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
  if (const auto* const option = of_hosts_alone(o, *loaded.graph); option != nullptr)
    return complain(
        {"cli.bad-arguments",
         fmt::format("{}: {} names no hosts, so that this would do nothing", option, o.graph)},
        exit_bad_input, "leave it out, or write `hosts:` into the graph");
  auto rules = rules_for_peers(*loaded.graph, o.host, o.allow);
  if (!rules) return complain(rules.error(), exit_bad_input);
  auto where = place_here(*loaded.graph, o);
  if (!where)
    return complain(where.error(), exit_bad_input,
                    where.error().code == "placement.no_host" ? "add --host NAME" : "");
  if (const auto paths = check_paths(o, *loaded.graph, loaded.includes);
      print_findings(paths) != exit_fine)
    return exit_bad_input;
  // Before anything in the folder is touched, or read to go on with.
  const auto lock =
      out_lock::take(o.out, "run of " + o.graph + (o.host.empty() ? "" : " (host " + o.host + ")"));
  if (!lock)
    return complain(lock.error(), exit_bad_input,
                    lock.error().code == "run.folder_in_use"
                        ? out_lock::remedy
                        : "give a folder that can be written with --out");
  const auto read = reader_of(o, loaded, std::move(*rules));
  const auto history = run_history::begin(o, loaded, read, ask_peers(loaded, *where));
  if (!history) return no_beginning(history.error());
  where = place_here(*loaded.graph, o);  // of the graph that it goes on with
  if (!where) return complain(where.error(), exit_bad_input);

  // The results of the run before stay until all actors are open.
  std::optional<trust::trial> start_of_run(std::in_place);
  if (!where->secret_key.empty()) keep_secrets_out_of_dumps();
  // A picture of an earlier run would look like this one's, should this one be killed.
  start_of_run->when_kept([&] {
    std::error_code ignored;
    for (const char* name : pictures) fs::remove(fs::path(o.out) / name, ignored);
  });
  auto log = event_log::open((fs::path(o.out) / "events.jsonl").string(), !o.no_pii, *rotate);
  if (!log) return complain(log.error(), exit_bad_input);

  if (o.no_pii) keep_words_out_of_messages(loaded);
  const trust::audit refusals(o.out);
  auto others = watchers::make(o, *loaded.graph);
  if (!others)
    return complain(others.error(),
                    others.error().code == "http.cannot_listen" ? exit_failed : exit_bad_input,
                    watchers::hint(others.error()));
  auto recording = make_recording(o, loaded, (*history)->revision(), *rotate);
  if (!recording) return complain(recording.error(), exit_bad_input);

  const auto view = make_screen(o);
  keeper kept;
  std::vector<report::fact_sink*> sinks = {log->get(), view.get()};
  if (!o.no_picture) sinks.push_back(&kept);  // nothing is kept of what nobody draws
  recorder watcher(*loaded.graph, std::move(sinks));
  const auto files_start = fs::file_time_type::clock::now() - std::chrono::seconds(1);
  const auto start = std::chrono::steady_clock::now();

  start_options how;
  how.virtual_time = o.virtual_time;
  how.sessions = o.sessions;
  how.threads = o.threads;
  how.output_dir = o.out;
  how.may = std::make_shared<const trust::capability>(trust::default_policy(trust::level::own),
                                                      o.out, !o.no_pii);
  how.status_socket = (fs::path(o.out) / "hocket.sock").string();
  how.answer = [&all = **others, &kept = **history](const std::string& line,
                                                    const start_options::sayer& say) {
    auto out = kept.answer(line);
    return out.empty() ? all.answer(line, say) : out;
  };
  how.observers = (*others)->observers();
  how.observers.insert(how.observers.begin(), &watcher);
  how.host = std::move(*where);
  if (*recording) how.observers.push_back(recording->get());
  how.load = read;
  (*history)->follow(how);
  start_of_run->when_kept([&] { (*history)->began(); });
  end_in_order_on_signals();
  auto run = start_or_stop(loaded, how, start_of_run);
  if (!run) {
    watcher.finish("failed", run.error().message);
    view->finish();
    // A path that leads nowhere is the user's.
    const auto& actors = loaded.graph->actors;
    const bool lacks = std::any_of(actors.begin(), actors.end(), [&](const plan_actor& a) {
      return (a.host.empty() || a.host == o.host) && !spec::missing_input(a).empty();
    });
    return complain(run.error(), lacks ? exit_bad_input : exit_failed,
                    doctor_hint(o, *loaded.graph));
  }
  (*others)->running(**run);
  const auto end = watch(**run, o, *view, **others, recording->get());
  (*others)->closed();
  watcher.finish(to_string(end.why), end.detail);
  view->finish();
  run->reset();
  (*history)->ended(end.why);
  end_recording(o, recording->get());

  const auto wall = std::chrono::steady_clock::now() - start;
  const double wall_s =
      std::chrono::duration_cast<std::chrono::milliseconds>(wall).count() / 1000.0;
  if (o.no_pii)
    for (auto& d : kept.kept.delegations) d.task.clear(), d.answer.clear();
  if (o.no_pii) kept.kept.words.clear();
  // A picture shows what was said, and is nothing that can be sealed.
  const auto key = trust::sealing_key();
  const bool sealed = !key || !key->empty();
  if (!o.no_picture && !sealed)
    for (const auto& problem : draw(kept.kept, o.out)) say(stderr, "warning: {}\n", problem);
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

}  // namespace hocket::cli
