// What an app says to the background: functions, instructions, notes; and the calls of its functions.
#include <charconv>

#include "actors/gateway/door/client.hpp"
#include "actors/gateway/door/gateway.hpp"
#include "graph/text/clean.hpp"

namespace hocket::gateway {
namespace {

constexpr std::string_view function_prefix = "client.";
constexpr std::size_t most_waiting = 32;
constexpr std::size_t most_open_calls = 64;
constexpr std::size_t most_answer_bytes = 1 << 20;

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t out = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

/// A word for the background, where an action is one.
std::optional<text> word_for_background(action& a) {
  if (auto* i = std::get_if<instruct>(&a)) return text{std::move(i->text), "instructions"};
  if (const auto* o = std::get_if<offer_tools>(&a)) return text{line_of(o->tools), "tools"};
  if (const auto* d = std::get_if<take_delegations>(&a))
    return text{d->by_client ? "client" : "graph", "delegations"};
  if (auto* n = std::get_if<delegation_note>(&a))
    return text{std::move(n->text), n->spoken ? "commentary" : "thinking",
                number_of(n->delegation_id).value_or(0)};
  if (auto* t = std::get_if<hear_text>(&a); t != nullptr && t->role != "user")
    return text{std::move(t->text), "context"};
  if (auto* p = std::get_if<prompt>(&a); p != nullptr && !p->instructions.empty())
    return text{std::move(p->instructions), "context"};
  return std::nullopt;
}

}  // namespace

/// Words of the person go to the model, those of the app to the background, which reads what the model
/// cannot. False where an action is neither.
bool gateway::pass_on(client& c, action& a, emitter& out) {
  const auto* typed = std::get_if<hear_text>(&a);
  const bool is_typed = typed != nullptr && typed->role == "user";
  const auto* p = std::get_if<prompt>(&a);
  const bool is_word =
      is_typed || typed != nullptr || std::holds_alternative<instruct>(a) ||
      std::holds_alternative<offer_tools>(a) || std::holds_alternative<take_delegations>(a) ||
      std::holds_alternative<delegation_note>(a) || (p != nullptr && !p->instructions.empty());
  if (!is_word) return false;
  if (c.session == session_id::none) {
    if (c.waiting.size() < most_waiting)
      c.waiting.push_back(std::move(a));
    else
      context_.count("not_served", 1);
    return true;
  }
  if (p != nullptr) context_.count("prompts", 1);
  out.for_session(c.session);
  const auto now = context_.time->now();
  if (is_typed)
    out.emit(text_out, now, text{std::move(std::get<hear_text>(a).text), "user"});
  else if (auto word = word_for_background(a)) {
    for (const auto* role : {"tools", "instructions", "delegations"})
      if (word->role == role) c.standing[word->role] = *word;
    out.emit(client_out, now, std::move(*word));
  }
  return true;
}

/// Its machine gives no key any more. Who recorded something of it removes that.
void gateway::have_forgotten(const client& c, emitter& out) {
  if (c.session == session_id::none) return;
  out.for_session(c.session);
  delegation d;
  d.request = 1;
  d.task = line_of({{"forget", "asked"}});
  out.emit(forgets_out, context_.time->now(), std::move(d));
}

/// A background that began anew knows nothing of what its apps said before.
result<void> gateway::on_control(std::size_t port, const packet& p, emitter& out) {
  const auto* what = p.get_if<control>();
  if (what != nullptr && port == audio_in) {
    if (what->what == control::kind::input_lost) model_is(false, p, out);
    if (what->what == control::kind::input_recovered) model_is(true, p, out);
  }
  // A guard that began anew knows nothing of them either.
  if (what != nullptr && port == settings_in && what->what == control::kind::input_recovered)
    for (const auto& [id, c] : by_session_)
      if (const auto set = settings_.find(c->key_name);
          set != settings_.end() &&
          (p.header.session == session_id::none || p.header.session == id))
        send_settings(*c, set->second, out);
  const bool is_background = port == calls_in || port == results_in || port == found_in;
  if (what == nullptr || what->what != control::kind::input_recovered || !is_background) return {};
  const auto now = context_.time->now();
  for (const auto& [key, c] : clients_) {
    const bool is_its = p.header.session == session_id::none || p.header.session == c->session;
    if (!is_its || c->session == session_id::none || c->repeated_at == now) continue;
    c->repeated_at = now;  // it is behind several inputs
    out.for_session(c->session);
    for (const auto& [role, word] : c->standing) out.emit(client_out, now, word);
  }
  return {};
}

void gateway::lose_model(client& c, emitter& out) {
  c.unanswered_since = context_.time->now();
  context_.count("model_lost", 1);
  tell(c, model_state{false, config_.lost_s * 1000}, out);
}

/// Of the conversation that the packet is of, or of all; those that begin later too.
void gateway::model_is(bool there, const packet& p, emitter& out) {
  const auto of = p.header.session;
  const bool is_opening =
      std::ranges::any_of(clients_, [](const auto& c) { return c.second->is_opening; });
  if (!there && (of == session_id::none || by_session_.contains(of) || is_opening))
    lost_models_.insert(of);
  // Of no conversation: of all; of several replicas, that none of them is left, or one there again.
  if (there) lost_models_.erase(of);
  answers_ = !lost_models_.contains(session_id::none);
  for (const auto& [key, c] : std::map(clients_)) {
    // Who has no session yet is told when it is opened.
    if (c->session == session_id::none || c->is_over) continue;
    const bool is_lost = !answers_ || lost_models_.contains(c->session);
    if (c->unanswered_since.has_value() == is_lost) continue;
    if (is_lost) {
      lose_model(*c, out);
      continue;
    }
    c->unanswered_since.reset();
    tell(*c, model_state{true}, out);
  }
}

/// One answer a call: what comes twice, late or unasked is counted and left out.
void gateway::answer_call(client& c, tool_result& r, emitter& out) {
  const auto call = number_of(r.call_id);
  const auto open = call ? c.open_calls.find(*call) : c.open_calls.end();
  if (open == c.open_calls.end() || c.session == session_id::none)
    return context_.count("late_answers", 1);
  r.text = cut_text(std::move(r.text), most_answer_bytes);
  out.for_session(c.session);
  out.emit(answers_out, context_.time->now(),
           hocket::tool_result{*call, 0, std::move(open->second), outcome::ok, std::move(r.text)});
  c.open_calls.erase(open);
}

/// A call beyond what a client may have open is over at once: nobody need wait for its time limit.
bool gateway::refuse_call(client& c, const packet& p, emitter& out) {
  const auto* call = p.get_if<hocket::tool_call>();
  if (call == nullptr || !call->tool.starts_with(function_prefix) ||
      c.open_calls.size() < most_open_calls)
    return false;
  context_.count("refused_calls", 1);
  out.for_session(c.session);
  out.emit(answers_out, context_.time->now(),
           hocket::tool_result{call->call, 0, call->tool, outcome::failed,
                               "the app has too many calls that it did not answer"});
  return true;
}

/// A call of the client's function, or the end of one that it did not answer.
std::optional<graph_event> gateway::of_client_function(client& c, const packet& p) const {
  if (const auto* call = p.get_if<hocket::tool_call>()) {
    if (!call->tool.starts_with(function_prefix)) return std::nullopt;
    context_.count("client_calls", 1);
    c.open_calls[call->call] = call->tool;
    auto arguments = json::parse(call->arguments_json, nullptr, false);
    if (!arguments.is_object()) arguments = json::object();
    return tool_call{std::to_string(call->call), call->tool.substr(function_prefix.size()),
                     std::move(arguments)};
  }
  const auto* end = p.get_if<hocket::tool_result>();
  if (end == nullptr || c.open_calls.erase(end->call) == 0) return std::nullopt;
  return tool_call_cancelled{std::to_string(end->call)};
}

/// While nobody is there a call waits for who comes back, so that it is made once.
void gateway::tell_of_call(client& c, const graph_event& e, emitter& out) {
  if (c.line) return tell(c, e, out);
  if (const auto* call = std::get_if<tool_call>(&e)) return c.unheard_calls.push_back(*call);
  const auto& over = std::get<tool_call_cancelled>(e).call_id;
  if (std::erase_if(c.unheard_calls, [&](const auto& u) { return u.call_id == over; }) == 0)
    tell(c, e, out);
}

}  // namespace hocket::gateway
