#include "tools/hocket/run/run_history.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

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

}  // namespace

run_history::run_history(const run_options& o, const loaded_graph& loaded)
    : kept_(o.out),
      file_(read_given(o.graph, loaded.includes)),
      begins_{1, loaded.graph->hash, loaded.graph->hash} {}

/// What this host had agreed to is the newest revision, or was called off: the others know.
result<void> run_history::settle_vote(newest_revision& left, const ask_others& ask) {
  const auto vote = kept_.vote();
  if (!vote) {
    warn(fail(vote));
    return {};
  }
  if (!*vote) return {};
  const auto& number = (*vote)->number;
  if (number.first_hash != left.first_hash || number.revision != left.revision + 1) {
    kept_.forget_vote();  // of another run
    return {};
  }
  const auto decided = ask(number.revision, number.hash);
  if (!decided) return fail(decided);
  if (!*decided) {
    kept_.forget_vote();
    return {};
  }
  HOCKET_TRY(kept_.keep(number, (*vote)->graph));
  warn(kept_.note({number.revision, utc_now(), "committed", number.hash, (*vote)->graph.file,
                   "decided while this host was down", ""}));
  left = number;
  return {};
}

result<std::unique_ptr<run_history>> run_history::begin(const run_options& o, loaded_graph& loaded,
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
    HOCKET_TRY(made->settle_vote(*left, ask));
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
    auto graph = load_again(text->file, text->text, text->includes, *loaded.types, o.how);
    if (!graph) return fail(graph);
    say(stderr,
        "note: the run in {} was killed with revision {} of {}: going on with that; "
        "--from-file begins with the file [run.resumed]\n",
        o.out, left->revision, o.graph);
    if (graph->hash != left->hash)
      say(stderr,
          "warning: revision {} reads as graph {} now, and ran as {}: parameters, --set or "
          "environment differ [run.reads_otherwise]\n",
          left->revision, graph->hash, left->hash);
    loaded.graph = std::move(*graph);
    made->file_ = std::move(*text);
  }
  made->begins_ = {left->revision, loaded.graph->hash, left->first_hash};
  made->resumes_ = true;
  return made;
}

void run_history::began() {
  if (resumes_)
    warn(kept_.note({begins_.revision, utc_now(), "resumed", begins_.hash, file_.file, "", ""}));
  else
    warn(kept_.start(file_, begins_.hash));
}

void run_history::follow(rewire::options& how) {
  how.revision = begins_.revision;
  now_ = {begins_, file_};
  how.voted = [this](const host::rewire_request& asked, const host::rewire_outcome& out) {
    warn(kept_.keep_vote({out.revision, out.hash_after, begins_.first_hash}, asked.graph));
  };
  how.decided = [this](const host::rewire_request& asked, const host::rewire_outcome& out) {
    was_ = std::exchange(now_, {{out.revision, out.hash_after, begins_.first_hash}, asked.graph});
    warn(kept_.keep(now_.number, now_.graph));
  };
  how.rewired = [this](const host::rewire_request& asked, const host::rewire_outcome& out) {
    if (was_ &&
        out.state == host::rewire_state::rolled_back) {  // the run ended before the boundary
      now_ = *was_;
      warn(kept_.keep(now_.number, now_.graph));
    }
    was_.reset();
    kept_.forget_vote();
    warn(kept_.note({out.revision, utc_now(), std::string(to_string(out.state)), out.hash_after,
                     asked.graph.file, out.why, rewire::to_json(out)}));
  };
}

void run_history::ended(host::end_reason why) {
  if (why != host::end_reason::failed) kept_.end();
}

}  // namespace hocket::cli
