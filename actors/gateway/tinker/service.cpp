#include "actors/gateway/tinker/service.hpp"

#include <ctime>

#include <fmt/format.h>
#include <pthread.h>

#include "actors/gateway/json.hpp"
#include "actors/gateway/tinker/free_memory.hpp"
#include "actors/gateway/tinker/roles.hpp"
#include "actors/gateway/tinker/service_state.hpp"
#include "actors/http/address.hpp"
#include "actors/http/digest.hpp"

namespace hocket::tinker {

using nlohmann::json;

http::response json_answer(const json& body, int status) {
  return {
      status, "application/json", body.dump(-1, ' ', false, json::error_handler_t::replace), {}};
}
http::response submitted(const std::string& request, const std::string& model) {
  json j{{"request_id", request}};
  if (!model.empty()) j["model_id"] = model;
  return json_answer(j);
}
answered refused_in_band(service::state& s, const call& c, const error& e,
                         const std::string& model) {
  const auto request = s.futures.add(c.owner);
  if (request.empty()) return fail("tinker.busy", too_many_waiting);
  s.futures.finish(request, failed(e));
  return submitted(request, model);
}
std::int64_t most_bytes(const tenant& who) {
  return who.most.stored_mib == 0 ? INT64_MAX : who.most.stored_mib << 20;
}
result<std::string> text_of(const json& body, const char* key) {
  if (!body.is_object() || !body.contains(key) || body[key].is_null() || body[key] == "")
    return fail("tinker.bad_request", std::string(key) + " is required");
  if (!body[key].is_string())
    return fail("tinker.bad_request", std::string(key) + " must be a text");
  return body[key].get<std::string>();
}
std::string iso_time(std::int64_t seconds) {
  const std::time_t t = seconds;
  std::tm parts{};
  gmtime_r(&t, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

namespace {

int status_of(const std::string& code) {
  if (code == "tinker.not_found") return 404;
  if (code == "tinker.forbidden") return 403;
  if (code == "tinker.gone") return 410;
  if (code == "tinker.busy" || code == "tinker.rate_limited") return 429;
  if (code.starts_with("files.")) return 507;  // the client tries again: a disk may get room
  return 400;
}

bool is_loopback(const std::string& text) {
  const auto at = http::parse_address(text);
  return at && at->is_loopback();
}

http::response refused(const error& e, bool openai) {
  const int status = status_of(e.code);
  auto r = openai ? json_answer(
                        {{"error",
                          {{"message", e.message},
                           {"type", status == 429 ? "rate_limit_error" : "invalid_request_error"},
                           {"code", e.code}}}},
                        status)
                  : json_answer({{"detail", e.message}}, status);
  // Only what passes by itself is worth asking again.
  if (status != 429 && status != 507) r.headers.emplace_back("x-should-retry", "false");
  if (status == 429) r.headers.emplace_back("retry-after", "1");
  return r;
}

/// Sessions that have said nothing for long are over; half an hour later their samplers go, too.
std::vector<std::string> end_silent_sessions(service::state& s, clock::time_point now) {
  std::vector<std::string> over;
  const std::lock_guard lock(s.mutex);
  for (auto& [id, r] : s.sessions) {
    if (now - r.seen <= std::chrono::minutes(30)) continue;
    if (!r.is_over) {
      r.is_over = true, r.seen = now;
      over.push_back(id);
    } else {
      for (const auto& sampler : r.samplers) s.samplers.erase(sampler);
      r.samplers.clear();
    }
  }
  constexpr auto remembered = std::chrono::hours(24);
  std::erase_if(s.sessions, [&](const auto& e) {
    return e.second.is_over && e.second.samplers.empty() && now - e.second.seen > remembered;
  });
  std::erase_if(s.files, [&](const auto& f) { return f.second.until < now; });
  return over;
}

}  // namespace

service::service(std::unique_ptr<state> s) : state_(std::move(s)) {}
service::~service() = default;
const std::string& service::url() const { return state_->server->url(); }
const std::vector<std::string>& service::complaints() const { return state_->store->complaints(); }

result<std::unique_ptr<service>> service::start(service_options o) {
  if (o.keys.is_empty() && !is_loopback(o.address))
    return fail("tinker.open_door",
                o.address + ": others reach this address, so give a file of API keys (--keys)");
  auto s = std::make_unique<state>(std::move(o));
  HOCKET_TRY(s->start());
  return std::unique_ptr<service>(new service(std::move(s)));
}

result<void> service::state::start() {
  auto opened = checkpoint_store::open(options.folder);
  if (!opened) return fail(opened);
  store = std::move(*opened);
  for (const auto& t : options.keys.tenants())
    futures.allow(t.owner, static_cast<std::size_t>(t.most.futures));
  record_missing_cards(*this);
  http::server_options o;
  o.address = options.address;
  o.limits.body_bytes = 64u << 20;
  o.limits.connections = 2'048;
  o.limits.connections_per_address = 2'048;
  o.limits.requests_per_connection = 1'000'000;
  o.limits.idle_ms = 120'000;
  o.limits.body_ms = 60'000;
  o.limits.answer_ms = 900'000;
  o.limits.all_bodies_bytes = std::size_t{1} << 30;
  std::vector<std::string> names;
  for (const auto& m : options.models) names.insert(names.end(), m->names.begin(), m->names.end());
  roles = std::make_unique<const http::route_table>(api_rows(names));
  o.admit = [this](const http::request& r) { return refuses(r); };
  o.handle = [this](const http::request& r, const http::responder& reply) { handle(r, reply); };
  auto started = http::server::start(std::move(o));
  if (!started) return fail(started);
  server = std::move(*started);
  ticker_ = std::thread([this] { tick(); });
  pthread_setname_np(ticker_.native_handle(), "tinker.time");
  return {};
}

service::state::~state() {
  {
    const std::lock_guard lock(tick_mutex_);
    stopping_ = true;
  }
  tick_wake_.notify_all();
  if (ticker_.joinable()) ticker_.join();
  trains->stop(), sampling->stop();
  if (server) server->stop(200);
}

void service::state::tick() {
  free_memory memory;
  std::unique_lock lock(tick_mutex_);
  for (int n = 0; !stopping_; ++n) {
    tick_wake_.wait_for(lock, std::chrono::milliseconds(200));
    lock.unlock();
    const auto now = clock::now();
    futures.sweep(now);
    memory.note(futures.is_busy(), now);
    if (n % 25 == 0) training.sweep(now), store->sweep();
    if (n % 25 == 0 && lacks_cards) record_missing_cards(*this);
    if (n % 25 == 0)
      for (const auto& id : end_silent_sessions(*this, now)) training.end_session(id);
    lock.lock();
  }
}

std::shared_ptr<const served_model> service::state::find_model(const std::string& name) const {
  for (const auto& m : options.models)
    if (m->has_name(name)) return m;
  return nullptr;
}

std::string service::state::model_names() const {
  std::string all;
  for (const auto& m : options.models)
    for (const auto& n : m->names) all += (all.empty() ? "" : ", ") + n;
  return all;
}

result<void> service::state::touch(const std::string& session, const std::string& owner) {
  const std::lock_guard lock(mutex);
  const auto found = sessions.find(session);
  if (found == sessions.end() || found->second.owner != owner)
    return fail("tinker.forbidden", "Invalid session_id");
  if (found->second.is_over)
    return fail("tinker.gone", "the session is over: make a new ServiceClient");
  found->second.seen = clock::now();
  return {};
}

std::optional<tenant> service::state::tenant_of(const http::request& r) const {
  std::string key(r.header("x-api-key").value_or(""));
  const auto bearer = r.header("authorization").value_or("");
  if (key.empty() && bearer.starts_with("Bearer ")) key = bearer.substr(7);
  if (!options.keys.is_empty()) return options.keys.find(key);
  if (!key.starts_with("tml-")) return std::nullopt;
  return tenant{"key-" + http::sha256_hex(key).substr(0, 24)};
}

answered service::state::dispatch(call& c) {
  for (const auto route : {session_route, training_route, sampling_route, checkpoint_route})
    if (auto a = route(*this, c)) return std::move(*a);
  return fail("tinker.not_found",
              fmt::format("there is no {} {}", c.request.method, c.request.path));
}

void service::state::handle(const http::request& r, const http::responder& reply) {
  if (auto open = open_route(*this, r)) return reply(std::move(*open));
  const bool openai = r.path.starts_with("/oai/api/v1/");
  if (!openai && !r.path.starts_with("/api/v1/"))
    return reply(refused({"tinker.not_found", "there is no " + r.path}, false));
  auto who = tenant_of(r);
  if (!who) return reply(no_key(openai));
  if (auto beyond = lacks_scope(*who, r)) return reply(std::move(*beyond));
  call c{r, reply, *who, who->owner, nullptr, parts_of(r.path.substr(openai ? 12 : 8))};
  const auto type = r.header("content-type").value_or("");
  if (type.find("protobuf") == type.npos) {
    // Bounded in depth: copying and writing a deeper one would use up the stack.
    const auto read = gateway::parse_object(r.body.empty() ? "{}" : r.body);
    c.body = read.value_or(json());
    if (!c.body.is_object())
      return reply(refused({"tinker.bad_request", "the body must be a JSON object"}, openai));
  }
  auto a = openai ? openai_route(*this, c) : dispatch(c);
  if (!a) return reply(refused(a.error(), openai));
  if (*a) reply(std::move(**a));
}

}  // namespace hocket::tinker
