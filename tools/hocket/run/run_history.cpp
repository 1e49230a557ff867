#include "tools/hocket/run/run_history.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/rewire/report.hpp"
#include "graph/spec/expand.hpp"
#include "graph/trust/read_file.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

void warn(const result<void>& done) {
  if (!done) say(stderr, "warning: {} [{}]\n", done.error().message, done.error().code);
}

std::string absolute(const std::string& path) {
  std::error_code ignored;
  return fs::absolute(path, ignored).lexically_normal().string();
}

host::graph_text read_given(const std::string& graph, const std::vector<std::string>& includes) {
  host::graph_text out{absolute(graph), trust::read_given_file(graph, 16u << 20).value_or(""), {}};
  for (const auto& path : includes)
    if (auto content = spec::read_from_disk(path)) out.includes[absolute(path)] = *content;
  return out;
}

std::string reads_otherwise(const newest_revision& kept, const std::string& hash) {
  return fmt::format(
      "revision {} reads as graph {} now, and as {} when it was kept: parameters, --set or "
      "environment differ",
      kept.revision, hash, kept.hash);
}

/// Not of this process alone: it was numbered by the host that leads.
bool over_hosts(const host::rewire_request& asked) { return asked.revision > 0; }

/// A kept text, read again; `must`: as the graph that it was.
result<plan> read_same(const run_history::read_graph& read, host::graph_text& text,
                       const newest_revision& kept, bool must) {
  auto graph = read(text);
  if (graph && must && graph->hash != kept.hash)
    return fail("run.reads_otherwise", reads_otherwise(kept, graph->hash));
  return graph;
}

}  // namespace

run_history::run_history(const run_options& o, const loaded_graph& loaded)
    : kept_(o.out),
      file_(read_given(o.graph, loaded.includes)),
      begins_{1, loaded.graph->hash, loaded.graph->hash} {}

/// What this host had agreed to is the newest revision, or was called off: the others know.
result<void> run_history::settle_vote(newest_revision& left, const read_graph& read,
                                      const ask_others& ask) {
  auto vote = kept_.vote();
  // Unreadable now is no outcome: it stays for the next start. What is somebody else's never counts.
  if (!vote && vote.error().code != "apply.not_ours") return fail(vote);
  if (!vote) warn(fail(vote));
  // Of another run, of a graph that this host has left since, or half written. Numbers say nothing:
  // they are the leader's, and hosts that began with different files count differently.
  if (!vote || !*vote || (*vote)->number.first_hash != left.first_hash ||
      (*vote)->number.before != left.hash) {
    kept_.forget_vote();
    return {};
  }
  const auto& number = (*vote)->number;
  const auto decided = ask(number);
  if (!decided) return fail(decided);
  if (!*decided) {
    kept_.forget_vote();
    return {};
  }
  HOCKET_TRY(read_same(read, (*vote)->graph, number, true));
  HOCKET_TRY(kept_.keep(number, (*vote)->graph, true));
  warn(kept_.note({number.revision, utc_now(), "committed", number.hash, (*vote)->graph.file,
                   "decided while this host was down", ""}));
  left = number;
  left.before.clear();
  return {};
}

result<std::unique_ptr<run_history>> run_history::begin(const run_options& o, loaded_graph& loaded,
                                                        const read_graph& read,
                                                        const ask_others& ask) {
  std::unique_ptr<run_history> made(new run_history(o, loaded));
  // Virtual time gives the same every time: what an earlier run left has no say in it.
  auto found = o.virtual_time || o.from_file ? result<std::optional<newest_revision>>(std::nullopt)
                                             : made->kept_.newest();
  if (!found) {
    say(stderr, "warning: {}; beginning with the file {} [{}]\n", found.error().message, o.graph,
        found.error().code);
    return made;
  }
  auto& left = *found;
  const auto& given = loaded.graph->hash;
  if (left && (given == left->hash || given == left->first_hash))
    HOCKET_TRY(made->settle_vote(*left, read, ask));
  if (!left || left->revision < 2) return made;
  if (given != left->hash && given != left->first_hash) {
    say(stderr,
        "note: the run in {} was killed with revision {} of a graph that {} is not, or is no "
        "more; beginning with the file [run.from_file]\n",
        o.out, left->revision, o.graph);
    return made;
  }
  if (given != left->hash) {
    auto text = made->kept_.graph_of(left->revision);
    if (!text) return fail(text);
    auto graph = read_same(read, *text, *left, !text->from.empty());
    if (!graph) return fail(graph);
    say(stderr,
        "note: the run in {} was killed with revision {} of {}: going on with that; "
        "--from-file begins with the file [run.resumed]\n",
        o.out, left->revision, o.graph);
    if (graph->hash != left->hash)
      say(stderr, "warning: {} [run.reads_otherwise]\n", reads_otherwise(*left, graph->hash));
    loaded.graph = std::move(*graph);
    if (text->types) loaded.types = text->types;
    made->file_ = std::move(*text);
  }
  made->begins_ = {left->revision, loaded.graph->hash, left->first_hash};
  made->resumes_ = true;
  return made;
}

void run_history::began() {
  if (resumes_) {
    kept_.sweep();
    warn(kept_.keep(begins_, file_));  // as it reads now
    warn(kept_.note({begins_.revision, utc_now(), "resumed", begins_.hash, file_.file, "", ""}));
  } else {
    warn(kept_.start(file_, begins_.hash));
  }
}

void run_history::follow(rewire::options& how) {
  how.revision = begins_.revision;
  now_ = {begins_, file_};
  how.voted = [this](const host::rewire_request& asked, const host::rewire_outcome& out) {
    auto kept = kept_.keep_vote(
        {out.revision, out.hash_after, begins_.first_hash, now_.number.hash}, asked.graph);
    voted_ = kept.has_value();
    if (!voted_) kept_.forget_vote();
    return kept;
  };
  how.decided = [this](const host::rewire_request& asked, const host::rewire_outcome& out) {
    {
      std::lock_guard lock(mutex_);
      was_ = std::exchange(now_, {{out.revision, out.hash_after, begins_.first_hash}, asked.graph});
    }
    warn(kept_.keep(now_.number, now_.graph, over_hosts(asked)));
  };
  how.rewired = [this](const host::rewire_request& asked, const host::rewire_outcome& out) {
    const bool rolled_back = out.state == host::rewire_state::rolled_back;
    // The run ended before the boundary. Other hosts have what was decided: a restart needs it.
    if (was_ && rolled_back && !over_hosts(asked)) {
      {
        std::lock_guard lock(mutex_);
        now_ = *was_;
      }
      warn(kept_.keep(now_.number, now_.graph));
    }
    // Decided: keep() ended the vote, or could not keep the graph, and the next start has to ask.
    if (std::exchange(voted_, false) && !was_ && rolled_back && out.code != rewire::undecided_code)
      kept_.forget_vote();
    was_.reset();
    warn(kept_.note({out.revision, utc_now(), std::string(to_string(out.state)), out.hash_after,
                     asked.graph.file, out.why, rewire::to_json(out)}));
  };
}

std::string run_history::answer(const std::string& line) const {
  using json = nlohmann::ordered_json;
  const auto say = [](const json& j) {
    return j.dump(-1, ' ', false, json::error_handler_t::replace);
  };
  const auto told = [&](const host::graph_text& graph, int revision, const std::string& hash) {
    return say(
        {{"file", graph.file}, {"text", graph.text}, {"revision", revision}, {"hash", hash}});
  };
  if (line == "graph") {
    std::lock_guard lock(mutex_);
    return told(now_.graph, now_.number.revision, now_.number.hash);
  }
  if (!line.starts_with("graph ")) return "";
  const auto number = line.substr(6);
  if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != number.npos)
    return say({{"error", "`graph` takes the number of a revision"}});
  const auto graph = kept_.graph_of(std::stoi(number));
  if (!graph) return say({{"error", graph.error().message}});
  // With all that it was made of: files that it includes may be others by now.
  return say({{"file", graph->file},
              {"text", graph->text},
              {"includes", graph->includes},
              {"revision", std::stoi(number)},
              {"hash", ""}});
}

void run_history::ended(host::end_reason why) {
  if (why != host::end_reason::failed) kept_.end();
}

}  // namespace hocket::cli
