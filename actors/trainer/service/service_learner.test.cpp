// A learner over a service that follows the rules, and over one that does not.
#include "actors/gateway/tinker/tar.hpp"
#include "actors/trainer/service/service.test.hpp"

using namespace hocket;
using namespace hocket::trainer;
using namespace hocket::trainer::testing;

namespace {

round_settings settings() {
  round_settings s;
  s.rank = 2;
  s.service.base_url = "http://127.0.0.1:1/";
  s.service.model = "big/model";
  s.service.key = "tml-key";
  s.service.patience_s = 100;
  return s;
}

lora::training_datum datum(std::int64_t n = 3, double weight = 1) {
  lora::training_datum d;
  d.tokens.assign(static_cast<std::size_t>(n), 7);
  d.inputs["target_tokens"] = {{n}, std::vector<double>(static_cast<std::size_t>(n), 8)};
  d.inputs["weights"] = {{n}, std::vector<double>(static_cast<std::size_t>(n), weight)};
  return d;
}

struct rig {
  fake_service service;
  std::unique_ptr<learner> l;
  bool stops = false;
  goes_on more = [this] { return !stops; };
  std::vector<lora::training_datum> batch{datum(), datum()};  ///< each step adds 6
  explicit rig(round_settings s = settings()) : l(make_service_learner(s, service.reach())) {}
  /// A whole round; gives the adapter, or why there is none.
  result<lora::adapter_files> round(int steps = 2) {
    const auto all = [&]() -> result<lora::adapter_files> {
      HOCKET_TRY(l->begin(more));
      for (int i = 0; i < steps; ++i)
        if (const auto loss = l->step(batch, 1e-3, more); !loss) return fail(loss);
      return l->end(more);
    };
    auto files = all();
    l->leave();
    return files;
  }
  std::string code(int steps = 2) {
    const auto r = round(steps);
    return r ? "fine" : r.error().code;
  }
  std::size_t asked(const char* what) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(service.log, [&](const auto& l) { return l.find(what) != l.npos; }));
  }
};

}  // namespace

TEST_CASE("service: a round is a session, and the next one goes on from what it kept") {
  rig r;
  const auto first = r.round();
  REQUIRE_MESSAGE(first, first.error().message);
  CHECK(first->weights == adapter_of(12).weights);
  CHECK(r.service.ended == std::vector<std::string>{"success"});
  const auto create = json::parse(r.service.requests[1].body);
  CHECK(create["base_model"] == "big/model");
  CHECK(create["lora_config"]["rank"] == 2);
  CHECK(create["lora_config"]["train_unembed"] == false);
  CHECK(!create["lora_config"].contains("alpha"));
  CHECK(r.round()->weights == adapter_of(24).weights);
  CHECK(r.asked("create_model") == 1);
  CHECK(r.asked("load_weights") == 1);
  // Back to the first, and to none.
  REQUIRE(r.l->back_to(first->config, first->weights));
  CHECK(r.round(1)->weights == adapter_of(18).weights);
  REQUIRE(r.l->back_to("", ""));
  CHECK(r.round(1)->weights == adapter_of(6).weights);
  CHECK(r.l->back_to("", "another's").error().code == "train.service_lost");
  CHECK(r.asked("DELETE") == 4);  // what was exported for the way
  CHECK(r.service.kept.size() == 4);
}

TEST_CASE("service: of a round what it kept last stays there, and nothing of one that failed") {
  rig r;
  REQUIRE(r.l->begin(r.more));
  REQUIRE(r.l->step(r.batch, 1e-3, r.more));
  REQUIRE(r.l->end(r.more));
  REQUIRE(r.l->step(r.batch, 1e-3, r.more));
  const auto last = r.l->end(r.more);
  REQUIRE(last);
  r.l->leave();
  const auto keeps = [&](const std::vector<std::string>& paths) {
    std::vector<std::string> is;
    for (const auto& [path, m] : r.service.kept) is.push_back(path);
    CHECK(is == paths);
  };
  keeps({"tinker://s1:train:0/weights/round-2"});
  for (const char* where :
       {"external_weights_urls", "/files/", "save_weights_external", "/archive"}) {
    r.service.faults.push_back({where, says(json{{"error", "no"}}, 403), false, 1 << 20});
    CHECK(r.code() != "fine");
    r.service.faults.clear();
    r.service.has_external = where != std::string("save_weights_external");
  }
  r.service.has_external = true;
  r.service.files = [](float) { return adapter_of(NAN); };
  CHECK(r.code() == "train.wrong_adapter");
  keeps({"tinker://s1:train:0/weights/round-2"});
  r.service.files = [](float v) { return adapter_of(v); };
  CHECK(r.round()->weights == adapter_of(24).weights);
}

TEST_CASE("service: each pass has its patience from when the one before it is done") {
  rig r;
  r.service.pass_ms = 60'000;
  r.batch.assign(3, datum(200'000, 0.001));  // too many bytes for one request: three passes
  REQUIRE(r.l->begin(r.more));
  const auto loss = r.l->step(r.batch, 1e-3, r.more);
  CHECK_MESSAGE(loss, loss.error().message);
  CHECK(r.service.now_ms > 200'000);
  r.service.pass_ms = 110'000;
  CHECK(r.l->loss_of(r.batch, r.more).error().code == "train.service_late");
  r.l->leave();
}

TEST_CASE("service: the key goes to the service alone, and not to the files") {
  rig r;
  REQUIRE(r.round());
  r.service.faults.push_back({"create_session", says(json{{"session_id", "../../up"}}), false, 1});
  CHECK(r.code() == "train.service_odd");
  CHECK(r.asked("..") == 0);
  for (const auto& q : r.service.requests) {
    const bool is_file = q.url.find("/files/") != q.url.npos;
    CHECK(http::find_header(q.headers, "X-API-Key").has_value() == !is_file);
  }
}

TEST_CASE("service: whatever breaks once, nothing is done twice") {
  for (const char* where :
       {"create_session", "create_model", "forward_backward", "optim_step", "save_weights",
        "retrieve_future", "external_weights_urls", "/files/", "heartbeat", "DELETE", "/finish"})
    for (const auto& instead : {breaks(), breaks("http.timeout"), breaks("http.no_connection"),
                                says(503, ""), says(429, "{}"), says(500, "{}"), says(400, "")})
      for (const bool is_done : {false, true}) {
        rig r;
        r.service.slow = 2;
        r.service.faults.push_back({where, instead, is_done, 1});
        const auto got = r.round();
        REQUIRE_MESSAGE(got, where << ": " << got.error().message);
        CHECK_MESSAGE(got->weights == adapter_of(12).weights, where);
        CHECK(r.service.steps == 2);
      }
}

TEST_CASE("service: what does not pass by ends the round, and the next goes on from before it") {
  struct one {
    const char* where;
    answer instead;
    const char* code;
  };
  for (const auto& o : std::vector<one>{
           {"create_session", says(401, R"({"detail": "bad key"})"), "train.service_refused"},
           {"create_session", says(json{{"session_id", "../up"}}), "train.service_odd"},
           {"load_weights", says(400, R"({"detail": "unknown base_model"})"),
            "train.service_refused"},
           {"forward_backward", says(404, "{}"), "train.service_lost"},
           {"optim_step", says(410, "{}"), "train.service_lost"},
           {"optim_step", says(json{{"error", "bad"}, {"category", "user"}}),
            "train.service_refused"},
           {"retrieve_future", says(json{{"error", "bad"}, {"category", "server"}}),
            "train.service_failed"},
           {"retrieve_future", says(404, "{}"), "train.service_lost"},
           {"save_weights", says(413, "{}"), "train.service_refused"},
           {"external_weights_urls", says(json{{"urls", 7}}), "train.service_odd"},
           {"external_weights_urls",
            says(json{{"urls", {{"adapter_config.json", "http://10.0.0.1/x"}}}}),
            "train.service_unreachable"},
           {"/files/", says(403, "{}"), "train.service_refused"},
           {"optim_step", breaks("http.bad_tls"), "train.service_unreachable"}}) {
    rig r;
    REQUIRE(r.round());
    r.service.faults.push_back({o.where, o.instead, false, 1});
    CHECK_MESSAGE(r.code() == o.code, o.where);
    REQUIRE(r.l->back_to(adapter_of(12).config, adapter_of(12).weights));
    CHECK(r.round(1)->weights == adapter_of(18).weights);
  }
}

TEST_CASE(
    "service: a session that is over is found out by its heartbeat while a future is waited for") {
  rig r;
  r.service.slow = 1000;
  r.service.faults.push_back({"session_heartbeat", says(410, R"({"detail": "over"})"), false, 1});
  CHECK(r.code() == "train.service_lost");
  CHECK(r.service.now_ms < 20'000);
}

TEST_CASE("service: a future that never comes, and a service that is away, end in their time") {
  rig never;
  never.service.slow = 1 << 20;
  CHECK(never.code() == "train.service_late");
  CHECK(never.service.now_ms < 101'000);
  CHECK(never.asked("session_heartbeat") >= 5);
  rig away;
  away.service.faults.push_back({"/api/", breaks("http.no_connection"), false, 1 << 20});
  CHECK(away.code() == "train.service_late");
  CHECK(away.service.now_ms < 101'000);
  CHECK(away.asked("create_session") < 12);
}

TEST_CASE("service: a round that is to end ends, and says so there") {
  rig r;
  r.service.slow = 1 << 20;
  int left = 30;
  r.more = [&] { return --left > 0; };
  CHECK(r.code() == "train.stopped");
  CHECK(r.service.ended == std::vector<std::string>{"interrupted"});
}

TEST_CASE("service: one without exports gives the adapter as an archive") {
  rig r;
  r.service.has_external = false;
  const auto a = adapter_of(12);
  const auto tar = [](const lora::adapter_files& f) {
    return tinker::as_tar(
        {{"adapter_config.json", f.config}, {"adapter_model.safetensors", f.weights}});
  };
  r.service.archive = tar(a);
  const auto got = r.round();
  REQUIRE_MESSAGE(got, got.error().message);
  CHECK(got->weights == a.weights);
  r.service.archive = "no archive";
  CHECK(r.code() == "train.bad_archive");
  r.service.archive = tar({std::string(100'000, ' '), a.weights});
  CHECK(r.code() == "train.wrong_adapter");
  r.service.archive = tinker::as_tar({{"../adapter_config.json", a.config}});
  CHECK(r.code() == "train.bad_archive");
  r.service.archive = tar(adapter_of(1, 3));
  CHECK(r.code() == "train.wrong_adapter");
}

TEST_CASE("service: an adapter that is wrong is not taken, and a loss that is none either") {
  rig r;
  r.service.files = [](float) { return adapter_of(NAN); };
  CHECK(r.code() == "train.wrong_adapter");
  r.service.files = [](float v) { return adapter_of(v, 4); };
  CHECK(r.code() == "train.wrong_adapter");
  r.service.files = [](float) { return lora::adapter_files{"{}", "x"}; };
  CHECK(r.code() != "fine");
  rig damaged;
  damaged.service.is_proto_damaged = true;
  CHECK(damaged.code() == "train.service_odd");
  CHECK(damaged.service.ended == std::vector<std::string>{"errored"});
}

TEST_CASE("service: no answer may be much longer than what was asked for") {
  rig r;
  REQUIRE(r.round());
  for (const auto& q : r.service.requests) {
    const bool is_weights = q.url.ends_with("adapter_model.safetensors");
    CHECK_MESSAGE((is_weights || q.body_bytes <= (1 << 20) + 4096), q.url);
    if (q.url.ends_with("adapter_config.json")) CHECK(q.body_bytes <= 1 << 16);
  }
}

TEST_CASE("service: words of a stranger are clean and short, and a policy's no is told as one") {
  rig r;
  const auto told = [&](const std::string& url) {
    r.service.file_base = url;
    const auto got = r.round();
    REQUIRE(!got);
    CHECK(got.error().message.size() < 500);
    CHECK(got.error().message.find('\x1b') == std::string::npos);
    return got.error().code;
  };
  CHECK(told("http://10.0.0.1/" + std::string(5000, 'x')) == "train.service_unreachable");
  CHECK(told("https://host/" + std::string(10'000, 'x')) == "train.service_odd");
  CHECK(told("https://host/\x1b[2J") == "train.service_odd");
  r.service.file_base = "http://127.0.0.1:1/files/";
  r.service.files = [](float) {
    auto f = adapter_of(1);
    f.weights.replace(f.weights.find("F32"), 3, "F99");
    f.weights.replace(f.weights.find("base_model"), 6, "\\u001b");  // a JSON escape of six bytes
    return f;
  };
  CHECK(told(r.service.file_base).starts_with("safetensors."));
  auto s = settings();
  s.service.may_reach = [](const std::string& url) -> result<void> {
    return fail("trust.refused", url + " is on no list");
  };
  rig closed(s);
  CHECK(closed.code() == "train.service_unreachable");
}

TEST_CASE("service: a batch of many bytes goes in several requests, held data changes nothing") {
  rig r;
  r.batch.assign(5, datum(200'000, 0.001));
  REQUIRE(r.l->begin(r.more));
  CHECK(*r.l->loss_of(r.batch, r.more) == doctest::Approx(1000));
  const auto before = r.asked("forward_backward");
  CHECK(before == 5);
  CHECK(*r.l->step(r.batch, 1e-3, r.more) == doctest::Approx(1000));
  CHECK(r.asked("forward_backward") == 2 * before);
  CHECK(r.service.models.begin()->second.value == doctest::Approx(1000));
  r.l->leave();
}

TEST_CASE("service: what it cannot do, or where others read, is told before anything is sent") {
  const auto why = [](const std::function<void(round_settings&)>& change) {
    auto s = settings();
    change(s);
    const auto r = check_service(s);
    return r ? std::string("fine") : r.error().code + " " + r.error().message;
  };
  CHECK(why([](auto&) {}) == "fine");
  CHECK(why([](auto& s) { s.service.base_url = "https://host/services/x"; }) == "fine");
  const auto names = [&](const char* key, const std::function<void(round_settings&)>& change) {
    const auto said = why(change);
    CHECK_MESSAGE(said.find(key) != said.npos, said);
    CHECK(said.starts_with("train.bad_service"));
  };
  for (const char* url :
       {"http://host", "host", "wss://host", "https://host?a=b", "https://u:p@host"})
    names("service.base_url", [&](auto& s) { s.service.base_url = url; });
  names("service.model", [](auto& s) { s.service.model = ""; });
  names("modules", [](auto& s) { s.modules = ".*"; });
  names("muon", [](auto& s) { s.optimizer = "muon"; });
  names("precision", [](auto& s) { s.precision = "bfloat16"; });
}
