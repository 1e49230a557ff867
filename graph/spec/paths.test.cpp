// Paths are taken from the file that says them, whatever brings them where they stand.
#include "graph/spec/paths.hpp"

#include "graph/spec/process.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "graph/contract/planner.hpp"
#include "graph/spec/to_yaml.hpp"

using namespace hocket;
namespace fs = std::filesystem;

namespace {

/// Reads all sorts of things, some through a part.
struct reader final : component {
  struct config {
    std::string file, second, pipeline, word;
    std::vector<std::string> folders;
    std::string usual = "share/usual";
    part_choice by;
    void visit(config_visitor& v) {
      v.field({.name = "file", .doc = "a path", .is_path = true}, file);
      v.field({.name = "deep.second", .doc = "another", .is_path = true}, second);
      v.field({.name = "folders", .doc = "many", .is_path = true}, folders);
      v.field({.name = "pipeline", .doc = "GStreamer", .is_pipeline = true}, pipeline);
      v.field({.name = "usual", .doc = "has a default", .is_path = true}, usual);
      v.field({.name = "word", .doc = "no path"}, word);
      v.field({.name = "by", .doc = "who", .parts = part_kind::planner}, by);
    }
  };
  explicit reader(config) {}
  static component_info info() {
    return {.type = "test.reader",
            .summary = "Reads.",
            .inputs = {},
            .outputs = {{"text", {.kind = payload_kind::text}, "words"}},
            .source = true};
  }
};

struct thinker {
  struct config {
    std::string model, word;
    void visit(config_visitor& v) {
      v.field({.name = "model", .doc = "a path", .is_path = true}, model);
      v.field({.name = "word", .doc = "no path"}, word);
    }
  };
};

const registry& types() {
  static const registry all = [] {
    registry r;
    REQUIRE(r.add(type_of<reader>()));
    planner_type p;
    p.name = "thinker";
    p.summary = "Thinks.";
    p.make_config = config_maker<thinker>();
    REQUIRE(r.add(std::move(p)));
    return r;
  }();
  return all;
}

std::map<std::string, std::string> files;  // that are included
result<std::string> read_included(const std::string& path) {
  const auto it = files.find(path);
  return it == files.end() ? fail("file.missing", "no such file") : result<std::string>(it->second);
}
std::optional<std::string> variables(const std::string& name) {
  return name == "MODELS" ? std::optional<std::string>("from_env") : std::nullopt;
}

plan load(const std::string& file, const std::string& actors, load_options how = {},
          const std::string& params = "") {
  how.read_file = read_included;
  how.env = variables;
  diagnostics found;
  auto p =
      load_plan(file, "hocket: 1\nname: g\n" + params + "actors:\n" + actors, types(), how, found);
  INFO(found.to_string());
  REQUIRE(p);
  return *p;
}

/// What a config holds, by key.
struct texts final : config_visitor {
  std::map<std::string, std::string> all;
  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& i, std::string& v) override { all[i.name] = v; }
  void field(const field_info& i, std::vector<std::string>& v) override {
    for (std::size_t n = 0; n < v.size(); ++n) all[i.name + "." + std::to_string(n)] = v[n];
  }
  void field(const field_info& i, part_choice& p) override {
    for (const auto* key : {"model", "word"})
      if (const auto* v = p.settings.find(key))
        if (const auto* text = v->get_if<std::string>()) all[i.name + "." + key] = *text;
  }
};

std::map<std::string, std::string> texts_of(const plan& p, std::size_t actor = 0) {
  texts t;
  p.actors.at(actor).config->visit(t);
  return t.all;
}

}  // namespace

TEST_CASE("a relative path of any kind is taken from the folder of its file") {
  const auto p = load("g/graph.yaml",
                      "  r:\n"
                      "    component: test.reader\n"
                      "    file: a.wav\n"
                      "    deep: {second: ../up.wav}\n"
                      "    folders: [one, /abs, ./two/]\n"
                      "    word: a.wav\n"
                      "    pipeline: filesrc location=in.wav ! filesink location=out.wav\n"
                      "    by: {use: thinker, model: m, word: m}\n");
  const auto t = texts_of(p);
  CHECK(t.at("file") == "g/a.wav");
  CHECK(t.at("deep.second") == "up.wav");
  CHECK(t.at("folders.0") == "g/one");
  CHECK(t.at("folders.1") == "/abs");
  CHECK(t.at("folders.2") == "g/two/");
  CHECK(t.at("word") == "a.wav");
  CHECK(t.at("usual") == "share/usual");  // the component's own
  CHECK(t.at("by.model") == "g/m");
  CHECK(t.at("by.word") == "m");
  CHECK(t.at("pipeline") == "filesrc location=\"g/in.wav\" ! filesink location=out.wav");
  // A file that is named without a folder lies in the current one.
  CHECK(texts_of(load("graph.yaml", "  r: {component: test.reader, file: a.wav}\n")).at("file") ==
        "a.wav");
}

TEST_CASE("the hash is about what the file says, and so is the plan's text: from any folder") {
  const std::string actors =
      "  r: {component: test.reader, file: a.wav, by: {use: thinker, model: m}}\n";
  const auto here = load("graph.yaml", actors), there = load("/x/y/graph.yaml", actors);
  CHECK(here.hash == there.hash);
  CHECK(texts_of(there).at("file") == "/x/y/a.wav");
  // An expanded text, as recordings hold it, has both: the same hash, and where the path led.
  const auto flat = spec::to_yaml(there);
  load_options how;
  how.expanded = true;
  diagnostics found;
  const auto again = load_plan("r.mcap:graph.yaml", flat, types(), how, found);
  INFO(flat, found.to_string());
  REQUIRE(again);
  CHECK(again->hash == there.hash);
  CHECK(texts_of(*again).at("file") == "/x/y/a.wav");
  CHECK(texts_of(*again).at("by.model") == "/x/y/m");
  CHECK(spec::to_yaml(*again) == flat);
}

TEST_CASE("an actor of its own process stays one wherever its paths lead") {
  const std::string actors = "  r: {component: test.reader, file: a.wav, process: own}\n";
  const auto here = load("graph.yaml", actors), there = load("/x/y/graph.yaml", actors);
  CHECK(texts_of(there).at("file") == "/x/y/a.wav");
  CHECK(here.hash == there.hash);
  for (const auto* p : {&here, &there}) {
    REQUIRE(spec::process_of(p->actors.at(0)) != nullptr);
    CHECK(spec::to_yaml(*p).find("process: {") != std::string::npos);
  }
}

TEST_CASE("what a reference brings is taken from where it was written") {
  files = {{"g/parts/part.yaml",
            "hocket: 1\nparams: {model: {type: string, default: d}, own: {default: own}}\nactors:\n"
            "  a: {component: test.reader, file: \"${param:model}\", word: \"${param:model}\",\n"
            "      deep: {second: \"${param:own}/x\"}}\n"}};
  const auto params = std::string("params: {m: {default: mine}, out: {default: given}}\n");
  load_options how;
  how.params["out"] = "cli";
  const auto p = load(
      "g/main.yaml",
      "  d: {include: {file: parts/part.yaml}}\n"
      "  w: {include: {file: parts/part.yaml, with: {model: ../w}}}\n"
      "  m: {include: {file: parts/part.yaml, with: {model: \"${param:m}\"}}}\n"
      "  o: {include: {file: parts/part.yaml, with: {model: \"${param:out}\"}}}\n"
      "  e: {component: test.reader, file: \"${env:MODELS}\",\n"
      "      deep: {second: \"${env:OTHER:-fallback}\"}}\n"
      "  s: {component: test.reader, file: replaced, folders: [a, b]}\n"
      "  c: {component: test.reader, file: \"${param:out}/c\"}\n",
      [&] {
        auto all = how;
        all.sets = {"actors.s.file=set", "actors.s.folders=[x]", "actors.w.a.deep.second=far"};
        return all;
      }(),
      params);
  std::map<std::string, std::map<std::string, std::string>> t;
  for (std::size_t i = 0; i < p.actors.size(); ++i) t[p.actors[i].name] = texts_of(p, i);
  CHECK(t["d.a"]["file"] == "g/parts/d");  // the part's own default
  CHECK(t["w.a"]["file"] == "w");          // the including file
  CHECK(t["w.a"]["word"] == "../w");       // no path stays
  CHECK(t["m.a"]["file"] == "g/mine");     // its parameter's default
  CHECK(t["o.a"]["file"] == "cli");        // the command line, through two files
  CHECK(t["d.a"]["deep.second"] == "g/parts/own/x");
  CHECK(t["w.a"]["deep.second"] == "far");  // --set, inside an include
  CHECK(t["e"]["file"] == "from_env");
  CHECK(t["e"]["deep.second"] == "g/fallback");
  CHECK(t["s"]["file"] == "set");
  CHECK(t["s"]["folders.0"] == "x");
  CHECK(t["c"]["file"] == "cli/c");
}

TEST_CASE("on disk: what is right from the current folder alone works, and is warned of; links") {
  auto name = (fs::temp_directory_path() / "hocket-paths-XXXXXX").string();
  const fs::path root = mkdtemp(name.data());
  fs::create_directories(root / "g");
  fs::create_directories(root / "elsewhere/real");
  for (const auto* f : {"old", "g/new", "g/both", "both", "elsewhere/beside"})
    std::ofstream(root / f) << "x";
  std::ofstream(root / "elsewhere/real/graph.yaml") << "x";
  fs::create_directory_symlink(root / "elsewhere/real", root / "linked");
  fs::create_symlink(root / "elsewhere/real/graph.yaml", root / "file.yaml");
  const auto before = fs::current_path();
  fs::current_path(root);
  const auto found_at = [](const std::string& file, const std::string& path, diagnostics& told) {
    auto p = load(file, "  r: {component: test.reader, file: " + path + "}\n");
    spec::find_paths(p, told);
    return texts_of(p).at("file");
  };
  diagnostics told;
  CHECK(found_at("g/graph.yaml", "new", told) == "g/new");
  CHECK(found_at("g/graph.yaml", "both", told) == "g/both");
  CHECK(found_at("g/graph.yaml", "nowhere", told) == "g/nowhere");
  CHECK(found_at("linked/graph.yaml", "../beside", told) == "linked/../beside");
  CHECK(told.items().empty());
  CHECK(found_at("g/graph.yaml", "old", told) == "old");
  REQUIRE(told.items().size() == 1);
  CHECK(told.items()[0].level == severity::warning);
  CHECK(told.items()[0].where.line == 4);
  CHECK(told.items()[0].hint == "write `../old`");
  fs::current_path(before);
  fs::remove_all(root);
}

TEST_CASE("pipelines: only what reads a file, quoted or not") {
  const auto put = [](const std::string& text) {
    return spec::with_locations(text, [](const std::string& p) { return "F/" + p; });
  };
  CHECK(put("filesrc location=a.wav ! decodebin") == "filesrc location=\"F/a.wav\" ! decodebin");
  CHECK(put("filesrc  location=\"a b.wav\"!wavparse") ==
        "filesrc  location=\"F/a b.wav\"!wavparse");
  CHECK(put("audiotestsrc ! m. filesrc name=x location='b.wav' ! m.") ==
        "audiotestsrc ! m. filesrc name=x location=\"F/b.wav\" ! m.");
  CHECK(put("multifilesrc location=p%03d.png ! x") == "multifilesrc location=\"F/p%03d.png\" ! x");
  for (const auto* same :
       {"filesrc location=/abs ! x", "rtspsrc location=rtsp://x ! y", "filesink location=out.wav",
        "souphttpsrc location=http://h/a ! x", "audiotestsrc ! filesink location=a.wav",
        "identity location=", "", "   ", "filesrc location=\"open", "!!!", "a\\ b ! c"})
    CHECK(put(same) == same);
}
