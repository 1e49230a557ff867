#include "actors/mcp/source.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/text/clean.hpp"
#include "graph/trust/capability.hpp"
#include "graph/trust/sandbox/egress.hpp"

namespace hocket::mcp {
namespace {

constexpr std::size_t longest_inbox = 1000;
constexpr auto look_again = std::chrono::milliseconds(20);

std::int64_t now_ms() { return monotonic_ns() / 1'000'000; }

/// Which era a server spoke when it was last asked: for as long as the process lives.
struct era_memory {
  std::mutex mutex;
  std::map<std::string, era> known;
};
era_memory& eras() {
  static era_memory all;
  return all;
}

std::string name_of(const source::config& c) {
  return c.url.empty() ? fmt::format("{}", fmt::join(c.command, std::string(1, '\0'))) : c.url;
}

}  // namespace

result<std::map<std::string, std::string>> source::child_environment() const {
  std::map<std::string, std::string> out;
  const auto pass = [&](const std::string& name) {
    if (const char* value = std::getenv(name.c_str())) out[name] = value;
  };
  for (const char* name : {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"}) pass(name);
  // A folder that is not there, and not one that it may not look into: programs take that well.
  if (config_.confine) out["HOME"] = "/nonexistent";
  for (const auto& e : config_.environment) {
    const auto equals = e.find('=');
    const auto name = e.substr(0, equals);
    if (name.empty())
      return fail("mcp.bad_config", "`environment` holds a variable without a name");
    out.erase(name);
    if (equals != e.npos) {
      out[name] = e.substr(equals + 1);
      continue;
    }
    if (where_.may) HOCKET_TRY(where_.may->variable(name));
    if (std::getenv(name.c_str()) == nullptr)
      return fail("mcp.bad_config",
                  "the variable " + name + ", which the server is to get, is not set");
    pass(name);
  }
  return out;
}

result<child_settings> source::child() const {
  if (where_.may && where_.may->allowed().who != trust::level::own)
    return fail("trust.refused", fmt::format("a graph of the level `{}` may start no program",
                                             trust::to_string(where_.may->allowed().who)));
  child_settings out;
  out.command = config_.command;
  out.folder = config_.folder;
  out.confine = config_.confine;
  auto& rules = out.rules;
  auto environment = child_environment();
  if (!environment) return fail(environment);
  rules.environment = std::move(*environment);
  rules.reads = config_.reads;
  rules.writes = config_.writes;
  rules.runs = config_.runs;
  if (!config_.folder.empty()) rules.reads.push_back(config_.folder);
  for (const auto* paths : {&rules.reads, &rules.writes, &rules.runs})
    for (const auto& path : *paths)
      if (where_.may) HOCKET_TRY(where_.may->readable(path));
  for (const auto& entry : config_.network) {
    if (where_.may) HOCKET_TRY(where_.may->address(entry));
    if (entry == "*")
      rules.network = true;
    else if (const auto fine = trust::is_egress_entry(entry); !fine)
      return fail("mcp.bad_config", "`network`: " + fine.error().message + ", or `*` for all");
    else
      rules.reaches.push_back(entry);
  }
  rules.memory_bytes = static_cast<std::uint64_t>(config_.memory_mb) << 20;
  rules.file_bytes = std::uint64_t{4} << 30;
  rules.processes = static_cast<std::uint32_t>(config_.processes);
  rules.descriptors = static_cast<std::uint32_t>(config_.descriptors);
  const auto say = [&](const std::string& text) { where_.log("mcp " + where_.name + ": " + text); };
  if (!config_.confine) say("`confine: false`: it may all that this user may");
  if (config_.confine)
    for (const auto& gap : trust::gaps_of(trust::what_kernel_gives(), !config_.network.empty(),
                                          !rules.network && !rules.reaches.empty()))
      say("its sandbox does without this here: " + gap.what + " (" + gap.remedy + ")");
  return out;
}

std::string source::key() const {
  const char* value = config_.key_env.empty() ? nullptr : std::getenv(config_.key_env.c_str());
  return value != nullptr ? value : "";
}

result<std::unique_ptr<link>> source::make_link() {
  if (config_.command.empty() == config_.url.empty())
    return fail("mcp.bad_config", "either `command` or `url` says where the server is");
  link_events events;
  events.text = [this](std::int64_t exchange, std::string text) {
    post([this, exchange,
          text = std::move(text)](std::int64_t now) { talk_->receive(text, now, exchange); },
         true);
  };
  events.ended = [this](std::int64_t exchange, int status, std::string why) {
    post([this, exchange, status, why = std::move(why)](
             std::int64_t now) { talk_->exchange_ended(exchange, status, why, now); },
         true);
  };
  events.closed = [this](std::string why) {
    post([this, why = std::move(why)](std::int64_t now) { talk_->closed(why, now); }, true);
  };
  if (config_.url.empty()) {
    auto settings = child();
    if (!settings) return fail(settings);
    return make_child_link(std::move(*settings), events);
  }
  if (where_.may) HOCKET_TRY(where_.may->address(config_.url));
  http_settings s;
  s.url = config_.url;
  s.ca_file = config_.ca_file;
  if (!config_.key_env.empty()) {
    if (where_.may) HOCKET_TRY(where_.may->variable(config_.key_env));
    if (key().empty())
      return fail("mcp.bad_config", "the variable " + config_.key_env + " (`key_env`) is not set");
    s.headers.emplace_back("Authorization", "Bearer " + key());
  }
  return make_http_link(std::move(s), events);
}

result<void> source::open(const tool_source_context& where) {
  where_ = where;
  conversation_settings s;
  s.http = !config_.url.empty();
  s.probe_ms = config_.probe_ms;
  s.reply_ms = config_.reply_ms;
  s.fills_in_defaults = config_.forms == "defaults";
  s.result_bytes = static_cast<std::size_t>(config_.max_result_bytes) + 1;
  {
    const std::lock_guard lock(eras().mutex);
    s.remembered = eras().known[name_of(config_)];
  }
  if (config_.era == "handshake") s.remembered = era::handshake;
  if (config_.era == "stateless") s.remembered = era::stateless;
  talk_ = std::make_unique<conversation>(s);
  // Before there is a link: a child that ends at once is told behind its start, not before it.
  post([this](std::int64_t now) { talk_->start(now); }, false);
  auto made = make_link();
  if (!made) {
    const std::lock_guard lock(mutex_);
    inbox_.clear();
    return fail(made);
  }
  link_ = std::move(*made);
  thread_ = std::thread([this] { run(); });
  std::unique_lock lock(mutex_);
  const auto limit = std::chrono::milliseconds(config_.probe_ms + 3 * config_.reply_ms);
  const bool in_time = settled_.wait_for(lock, limit, [&] { return ready_ || broken_; });
  if (ready_) return {};
  const auto why = broken_.value_or(
      error{"mcp.silent", fmt::format("the server was not ready after {} ms", limit.count())});
  (void)in_time;
  lock.unlock();
  close();
  return fail(why.code, clean_text(why.message));
}

void source::post(work w, bool may_wait) {
  std::unique_lock lock(mutex_);
  // A server that talks without end waits for us, not in our memory.
  if (may_wait)
    room_.wait(lock, [&] { return inbox_.size() < longest_inbox || stopping_ || passing_; });
  inbox_.push_back(std::move(w));
  came_.notify_one();
}

void source::run() {
  for (;;) {
    std::deque<work> batch;
    {
      std::unique_lock lock(mutex_);
      const auto due = talk_->next_deadline();
      const auto wait = due ? std::clamp<std::int64_t>(*due - now_ms(), 0, 60'000) : 60'000;
      came_.wait_for(lock, std::chrono::milliseconds(wait),
                     [&] { return stopping_ || !inbox_.empty(); });
      if (stopping_) return;
      batch.swap(inbox_);
      room_.notify_all();
    }
    for (auto& w : batch) {
      w(now_ms());
      perform(talk_->take());
    }
    talk_->tick(now_ms());
    perform(talk_->take());
  }
}

void source::perform(std::vector<action> actions) {
  for (auto& a : actions) perform(a);
}

void source::perform(action& a) {
  if (auto* s = std::get_if<send_action>(&a)) return link_->send(s->what);
  if (auto* x = std::get_if<abandon_action>(&a)) return link_->abandon(x->exchange);
  if (std::holds_alternative<listen_action>(a)) return link_->listen();
  if (auto* n = std::get_if<note_action>(&a))
    return where_.log("mcp " + where_.name + ": " + cut_text(clean_text(n->text), 500));
  if (auto* c = std::get_if<count_action>(&a)) return where_.count("mcp_" + c->counter, 1);
  if (std::holds_alternative<restart_action>(a)) {
    {
      const std::lock_guard lock(mutex_);
      passing_ = true;  // its threads end, and may wait for room here
    }
    room_.notify_all();
    link_->restart();
    const std::lock_guard lock(mutex_);
    passing_ = false;
    return;
  }
  const bool changed = std::holds_alternative<changed_action>(a);
  {
    const std::lock_guard lock(mutex_);
    if (changed || std::holds_alternative<ready_action>(a)) {
      tools_.clear();
      for (const auto& t : talk_->tools()) tools_.push_back(t.info);
      ready_ = true;
      remember();
    } else if (auto* b = std::get_if<broken_action>(&a)) {
      broken_ = b->why;
    } else if (auto* p = std::get_if<partial_action>(&a)) {
      if (const auto t = tickets_.find(p->ticket); t != tickets_.end())
        t->second->partials.push_back(std::move(p->text));
    } else if (auto* r = std::get_if<answered_action>(&a)) {
      if (const auto t = tickets_.find(r->ticket); t != tickets_.end())
        t->second->what = std::move(r->what);
    }
  }
  settled_.notify_all();
  if (changed) where_.changed();
}

void source::remember() {
  const std::lock_guard lock(eras().mutex);
  eras().known[name_of(config_)] = talk_->speaks();
}

result<std::vector<tool_info>> source::list() {
  const std::lock_guard lock(mutex_);
  auto out = tools_;
  for (auto& t : out) {
    t.policy.time_limit_ms = static_cast<std::int32_t>(config_.time_limit_ms);
    t.policy.max_result_bytes = static_cast<std::size_t>(config_.max_result_bytes);
    if (!config_.url.empty()) t.policy.network_hosts = {config_.url};
  }
  return out;
}

result<std::string> source::call(const std::string& tool, const std::string& arguments_json,
                                 const tool_context& how) {
  auto arguments = json::parse(arguments_json, nullptr, false);
  if (!arguments.is_object()) return fail("mcp.bad_arguments", "the arguments are no JSON object");
  const auto mine = std::make_shared<ticket>();
  std::uint64_t id;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || !talk_) return fail("mcp.not_there", "the source is closed");
    id = next_ticket_++;
    tickets_[id] = mine;
  }
  post([this, id, tool, arguments = std::move(arguments)](
           std::int64_t now) { talk_->call(id, tool, arguments, now); },
       false);
  std::unique_lock lock(mutex_);
  for (;;) {
    settled_.wait_for(lock, look_again,
                      [&] { return mine->what || !mine->partials.empty() || stopping_; });
    while (!mine->partials.empty()) {
      auto text = std::move(mine->partials.front());
      mine->partials.pop_front();
      lock.unlock();
      if (how.progress) how.progress(text);
      lock.lock();
    }
    const bool unwanted = how.cancelled != nullptr && how.cancelled->load();
    if (!mine->what && !unwanted && !stopping_) continue;
    tickets_.erase(id);
    if (mine->what) return std::move(*mine->what);
    break;
  }
  const bool stopping = stopping_;
  lock.unlock();
  if (!stopping) post([this, id](std::int64_t now) { talk_->cancel(id, now); }, false);
  return fail("mcp.cancelled", "nobody waits for it any more");
}

void source::close() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  came_.notify_all();
  room_.notify_all();
  settled_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (link_) link_->close();
}

}  // namespace hocket::mcp
