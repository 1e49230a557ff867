#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "actors/gateway/door/app.test.hpp"
#include "actors/host/status_socket.hpp"
#include "actors/http/digest.hpp"
#include "graph/contract/registry.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

const std::string first_text = "hocket: 1\nactors:\n  # talks\n  door: {component: gateway.door}\n";

/// A run that says what was asked of it, behind the socket of an output folder.
struct fake_run {
  std::string folder = (std::filesystem::temp_directory_path() / "hocket-edit-XXXXXX").string();
  std::mutex mutex;
  std::vector<json> rewires;
  std::string now = first_text, before = "hocket: 1\nactors: {old: {component: x}}\n";
  int revision = 2;
  std::string elsewhere;  ///< another change, which comes between a question and the change
  std::atomic<bool> opens = false;  ///< what a change adds, still
  std::unique_ptr<host::status_socket> socket;

  fake_run() {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    auto made = host::status_socket::serve(
        folder + "/hocket.sock", [this](const std::string& line) { return answer(line); });
    REQUIRE(made);
    socket = std::move(*made);
  }
  ~fake_run() {
    socket.reset();
    std::filesystem::remove_all(folder);
  }
  std::string answer(const std::string& line) {
    std::lock_guard lock(mutex);
    if (line == "graph")
      return json{{"file", "/x/a.yaml"}, {"text", now}, {"revision", revision}}.dump();
    if (line == "graph 1")
      return json{{"file", "/x/a.yaml"},
                  {"text", before},
                  {"includes", {{"/x/part.yaml", "actors: {}"}}},
                  {"revision", 1}}
          .dump();
    if (line.starts_with("graph ")) return json{{"error", "no such revision"}}.dump();
    if (line == "status") return R"({"graph":"a","actors":[],"links":[],"budgets":[]})";
    if (line.starts_with("rewire ")) {
      rewires.push_back(json::parse(line.substr(7)));
      return json{{"ticket", rewires.size()}}.dump();
    }
    if (!line.starts_with("rewired ")) return "";
    const auto& asked = rewires.at(std::stoul(line.substr(8)) - 1);
    if (opens) return json{{"state", "running"}}.dump();
    if (asked["dry_run"] == true) return json{{"state", "planned"}, {"revision", revision}}.dump();
    if (const auto by = std::exchange(elsewhere, ""); !by.empty()) now = by, ++revision;
    if (asked["revision"] != revision + 1)
      return json{{"state", "refused"}, {"code", "rewire.changed_meanwhile"}, {"why", "it is 9"}}
          .dump();
    now = asked["text"];
    ++revision;
    return json{{"state", "committed"}, {"revision", revision}}.dump();
  }
  std::size_t asked() {
    std::lock_guard lock(mutex);
    return rewires.size();
  }
};

struct answered {
  int status = 0;
  json body;
};

const std::string run_key = "hk_run";

std::vector<setting> edited_by_run_key() {
  return {{"edit", true}, {"edit_key", "sha256:" + http::sha256_hex(run_key)}};
}

answered get_or_post(harness& h, const std::string& path, const std::string& key = "",
                     const json& body = nullptr, const std::string& origin = "",
                     const std::string& type = "application/json") {
  auto head = (body.is_null() ? "GET " : "POST ") + path + " HTTP/1.1";
  if (!key.empty()) head += "\r\nAuthorization: Bearer " + key;
  if (!origin.empty()) head += "\r\nOrigin: " + origin;
  if (!body.is_null() && !type.empty()) head += "\r\nContent-Type: " + type;
  const auto got = ask(h, head, body.is_null() ? "" : body.dump());
  REQUIRE(got.size() > 12);
  return {std::stoi(got.substr(9, 3)), body_of(got)};
}

harness_options with(const fake_run& run, const registry& types, std::vector<setting> more) {
  auto o = options(std::move(more));
  o.output_dir = run.folder;
  o.types = &types;
  return o;
}

registry some_types() {
  registry out;
  REQUIRE(out.add(type_of<door>()));
  return out;
}

const std::vector<std::string> pages_of_editors = {"file",  "types", "edit",
                                                   "check", "apply", "back"};

json body_for(const std::string& page) {
  if (page == "file" || page == "types") return nullptr;
  return {{"text", first_text}, {"revision", 2}, {"changes", json::array()}};
}

}  // namespace

TEST_CASE(
    "the graph is edited as text: the file, what it may hold, a change, what it would do, done, "
    "back") {
  fake_run run;
  const auto types = some_types();
  harness h(type_of<door>(), with(run, types, edited_by_run_key()));
  REQUIRE(h.open());
  const auto file = get_or_post(h, "/v1/hocket/graph/file", run_key);
  CHECK(file.status == 200);
  CHECK(file.body["text"] == first_text);
  CHECK(file.body["actors"][0]["name"] == "door");
  CHECK(file.body["actors"][0]["says"]["component"] == "gateway.door");
  CHECK(get_or_post(h, "/v1/hocket/graph/file?revision=1", run_key).body["text"] == run.before);
  CHECK_FALSE(
      get_or_post(h, "/v1/hocket/graph/file?revision=1", run_key).body.contains("includes"));
  CHECK(get_or_post(h, "/v1/hocket/graph/file?revision=7", run_key).status == 404);
  CHECK(get_or_post(h, "/v1/hocket/graph/file?revision=x", run_key).status == 400);
  const auto known = get_or_post(h, "/v1/hocket/graph/types", run_key);
  REQUIRE(known.body["components"].size() == 1);
  CHECK(known.body["components"][0]["config"].size() > 10);

  const json change = {{"op", "set"}, {"path", {"actors", "door", "tls"}}, {"value", false}};
  const auto edited = get_or_post(h, "/v1/hocket/graph/edit", run_key,
                                  {{"text", first_text}, {"changes", {change}}});
  CHECK(edited.status == 200);
  const std::string wanted =
      "hocket: 1\nactors:\n  # talks\n  door: {component: gateway.door, tls: false}\n";
  CHECK(edited.body["text"] == wanted);
  CHECK(run.asked() == 0);  // nothing of the run is touched
  const auto checked = get_or_post(h, "/v1/hocket/graph/check", run_key, {{"text", wanted}});
  CHECK(checked.body["outcome"]["state"] == "planned");
  CHECK(run.rewires.back()["dry_run"] == true);
  CHECK(run.rewires.back()["file"] == "/x/a.yaml");

  CHECK(get_or_post(h, "/v1/hocket/graph/apply", run_key, {{"text", wanted}, {"revision", 1}})
            .status == 409);
  CHECK(get_or_post(h, "/v1/hocket/graph/apply", run_key, {{"text", wanted}}).status == 409);
  CHECK(run.revision == 2);
  const auto applied =
      get_or_post(h, "/v1/hocket/graph/apply", run_key, {{"text", wanted}, {"revision", 2}});
  CHECK(applied.body["outcome"]["state"] == "committed");
  CHECK(run.now == wanted);
  // Meanwhile the run is at 3, and the one before it is gone here.
  CHECK(get_or_post(h, "/v1/hocket/graph/back", run_key, {{"revision", 3}}).status == 404);
  CHECK(get_or_post(h, "/v1/hocket/graph/back", run_key, {{"revision", 2}}).status == 409);
  CHECK(get_or_post(h, "/v1/hocket/graph/back", run_key, {{"revision", 1}}).status == 409);
  {
    const std::lock_guard lock(run.mutex);
    run.revision = 2;
  }
  CHECK(get_or_post(h, "/v1/hocket/graph/back", run_key, {{"revision", 2}})
            .body["outcome"]["state"] == "committed");
  CHECK(run.now == run.before);
  // As it was then, with what it included.
  CHECK(run.rewires.back()["includes"] == json{{"/x/part.yaml", "actors: {}"}});
  // `hocket apply` is quicker by a moment: what it did stays, and is told.
  for (const auto& page : {"back", "apply"}) {
    {
      const std::lock_guard lock(run.mutex);
      run.revision = 2;
      run.elsewhere = "theirs";
    }
    const auto late = get_or_post(h, std::string("/v1/hocket/graph/") + page, run_key,
                                  {{"text", wanted}, {"revision", 2}});
    CHECK(late.status == 409);
    CHECK(late.body.dump().find("it is 9") != std::string::npos);
    CHECK(run.now == "theirs");
    CHECK(run.revision == 3);
  }

  const json bad[] = {{{"changes", {change}}},
                      {{"text", first_text}},
                      {{"text", first_text}, {"changes", {{{"op", "what"}}}}},
                      {{"text", 7}, {"changes", {change}}}};
  for (const auto& j : bad)
    CHECK(get_or_post(h, "/v1/hocket/graph/edit", run_key, j).status == 400);
  CHECK(get_or_post(h, "/v1/hocket/graph/edit", run_key, {{"text", "a: [1"}, {"changes", {change}}})
            .status == 422);
  CHECK(h.close());
}

TEST_CASE("who may edit: nobody where the operator says nothing; never a page of elsewhere") {
  fake_run run;
  const auto types = some_types();
  {
    harness h(type_of<door>(), with(run, types, {}));
    REQUIRE(h.open());
    for (const auto& page : pages_of_editors)
      CHECK_MESSAGE(get_or_post(h, "/v1/hocket/graph/" + page, "", body_for(page)).status == 404,
                    page);
    CHECK(get_or_post(h, "/v1/hocket/page").body["edits"] == false);
    CHECK(h.close());
  }
  {
    harness h(type_of<door>(), with(run, types, {{"edit", true}}));
    CHECK_FALSE(h.open());  // by whom?
  }
  harness h(type_of<door>(), with(run, types, edited_by_run_key()));
  REQUIRE(h.open());
  const auto port = ":" + std::to_string(port_of(h));
  for (const auto& page : pages_of_editors) {
    const auto path = "/v1/hocket/graph/" + page;
    const auto body = body_for(page);
    // A process of this machine is not its user, nor is a page of another port of it.
    CHECK_MESSAGE(get_or_post(h, path, "", body).status == 401, page);
    CHECK_MESSAGE(get_or_post(h, path, "hk_guess", body).status == 401, page);
    if (body.is_null()) continue;
    for (const auto& origin :
         {std::string("https://evil.example"), std::string("http://localhost:1"),
          "https://localhost" + port, "http://127.0.0.1" + port, std::string("null")})
      CHECK_MESSAGE(get_or_post(h, path, run_key, body, origin).status == 403, page << origin);
    for (const char* type : {"text/plain", "", "application/x-www-form-urlencoded"})
      CHECK_MESSAGE(get_or_post(h, path, run_key, body, "", type).status == 415, page << type);
  }
  CHECK(run.asked() == 0);
  CHECK(get_or_post(h, "/v1/hocket/graph/check", run_key, body_for("check"), "http://LOCALHOST",
                    "application/json; charset=utf-8")
            .status == 200);
  // Who only talks needs none.
  CHECK(get_or_post(h, "/v1/hocket/page").status == 200);
  CHECK(h.close());
}

TEST_CASE("who may edit: keys that say so; not those of talkers, no token, nobody without one") {
  fake_run run;
  const auto types = some_types();
  const auto keys = run.folder + "/gateway.keys";
  std::ofstream(keys) << "talker sha256:" << http::sha256_hex("hk_talker") << "\n"
                      << "operator sha256:" << http::sha256_hex("hk_operator") << " edit\n";
  harness h(type_of<door>(), with(run, types, {{"edit", true}, {"keys_file", keys}}));
  REQUIRE(h.open());
  const auto secret = get_or_post(h, "/v1/realtime/client_secrets", "hk_operator", json::object());
  REQUIRE(secret.status == 200);
  const std::string token = secret.body["value"];
  for (const auto& page : pages_of_editors) {
    const auto path = "/v1/hocket/graph/" + page;
    const auto body = body_for(page);
    CHECK_MESSAGE(get_or_post(h, path, "", body).status == 401, page);
    CHECK_MESSAGE(get_or_post(h, path, "hk_nobody", body).status == 401, page);
    CHECK_MESSAGE(get_or_post(h, path, "hk_talker", body).status == 403, page);
    CHECK_MESSAGE(get_or_post(h, path, token, body).status == 401, page);
  }
  CHECK(run.asked() == 0);
  for (const auto& page : pages_of_editors) {
    {
      const std::lock_guard lock(run.mutex);
      run.revision = 2;  // the one that the bodies are about
    }
    CHECK_MESSAGE(
        get_or_post(h, "/v1/hocket/graph/" + page, "hk_operator", body_for(page)).status == 200,
        page);
  }
  CHECK(h.close());
}

TEST_CASE(
    "a run that trains is shown where the operator names its folder: losses, cards, evaluations, "
    "swaps") {
  fake_run run;
  const auto types = some_types();
  const std::filesystem::path folder = run.folder + "/learn";
  std::filesystem::create_directories(folder / "adapters/adapter-1");
  std::ofstream(folder / "adapters/curve.csv") << "round,step,loss,validation,tokens_per_s,at_s\n"
                                               << "1,1,2.5,,100,3\n1,2,2,1.5,100,4\n1,3,1";
  std::ofstream(folder / "adapters/adapter-1/card.json")
      << R"({"name": "adapter-1", "parent": ""})";
  std::ofstream(folder / "talk.jsonl")
      << R"({"at_s": 1, "evaluation": 1, "held_out": {"pass1": 0.5, "cases": 4}})"
      << "\n"
      << R"({"at_s": 2, "adapter": "adapter-1"})"
      << "\n"
      << R"({"at_s": 3, "set": "rest", "adapter": "adapter-1", "passed": true})"
      << "\nnot whole";
  {
    harness h(type_of<door>(), with(run, types, {}));
    REQUIRE(h.open());
    CHECK(get_or_post(h, "/v1/hocket/training").status == 404);
    CHECK(h.close());
  }
  harness h(type_of<door>(), with(run, types, {{"training", folder.string()}}));
  REQUIRE(h.open());
  const auto told = get_or_post(h, "/v1/hocket/training").body;
  for (int i = 0; i < 205; ++i) {
    const auto name = "newer-" + std::to_string(i);
    std::filesystem::create_directories(folder / "adapters" / name);
    const auto card = folder / "adapters" / name / "card.json";
    std::ofstream(card) << "{}";
    std::filesystem::last_write_time(
        card, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(i + 1));
  }
  const auto newest = get_or_post(h, "/v1/hocket/training").body["adapters"];
  REQUIRE(newest.size() == 200);
  CHECK(newest.back()["name"] == "newer-204");
  REQUIRE(told["curve"].size() == 2);  // half a row is none yet
  CHECK(told["curve"][0] ==
        json{{"round", 1}, {"step", 1}, {"loss", 2.5}, {"tokens_per_s", 100}, {"at_s", 3}});
  CHECK(told["adapters"][0]["card"]["name"] == "adapter-1");
  CHECK(told["evaluations"].size() == 1);
  CHECK(told["swaps"].size() == 1);
  CHECK(h.close());
}

TEST_CASE("who looks at the run does not wait for a change that opens its actors") {
  fake_run run;
  run.opens = true;
  const auto types = some_types();
  auto settings = edited_by_run_key();
  settings.push_back({"training", run.folder});
  harness h(type_of<door>(), with(run, types, settings));
  REQUIRE(h.open());
  answered applied;
  std::thread changes([&] {
    applied = get_or_post(h, "/v1/hocket/graph/apply", run_key,
                          {{"text", first_text + "# new\n"}, {"revision", 2}});
  });
  CHECK(becomes([&] { return run.asked() == 1; }));
  CHECK(get_or_post(h, "/v1/hocket/training").status == 200);
  run.opens = false;
  changes.join();
  CHECK(applied.body["outcome"]["state"] == "committed");
  CHECK(h.close());
}
