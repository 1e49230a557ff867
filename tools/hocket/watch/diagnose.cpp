#include "tools/hocket/watch/diagnose.hpp"

#include "graph/text/clean.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hocket::cli {
namespace {

using json = nlohmann::json;
using grade = finding::grade;

double number(const json& from, const char* key) {
  const auto at = from.find(key);
  return at != from.end() && at->is_number() ? at->get<double>() : 0.0;
}

std::string word(const json& from, const char* key) {
  const auto at = from.find(key);
  return at != from.end() && at->is_string() ? clean_text(at->get<std::string>()) : "";
}

bool truth(const json& from, const char* key, bool otherwise) {
  const auto at = from.find(key);
  return at != from.end() && at->is_boolean() ? at->get<bool>() : otherwise;
}

json object(const json& from, const char* key) {
  const auto at = from.find(key);
  return at != from.end() && at->is_object() ? *at : json::object();
}

/// The objects of a list; what else stands there is passed over.
std::vector<json> list(const json& from, const char* key) {
  std::vector<json> out;
  if (const auto at = from.find(key); at != from.end() && at->is_array())
    for (const auto& item : *at)
      if (item.is_object()) out.push_back(item);
  return out;
}

/// "ears.frames" -> "ears"; an actor's name may hold dots (of an included part), a port's may not.
std::string actor_of(const std::string& end) { return end.substr(0, end.rfind('.')); }

/// Two looks at one run.
class patient {
 public:
  patient(const json& before, const json& now) : now_(now) {
    seconds_ = number(now, "now_s") - number(before, "now_s");
    for (const auto& a : list(before, "actors")) old_actors_[word(a, "name")] = a;
    for (const auto& l : list(before, "links")) old_links_[word(l, "from") + word(l, "to")] = l;
    for (const auto& b : list(before, "budgets")) old_budgets_[word(b, "path")] = b;
    for (const auto& a : list(now, "actors")) actors_[word(a, "name")] = a;
    for (const auto& l : list(now, "links")) links_.push_back(l);
  }

  std::vector<finding> examine() {
    examine_peers();
    for (const auto& a : list(now_, "actors")) examine_actor(a);
    examine_full_queues();
    for (const auto& l : links_) examine_losses(l);
    for (const auto& w : list(now_, "wires")) examine_wire(w);
    for (const auto& b : list(now_, "budgets")) examine_budget(b);
    if (!truth(now_, "law_holds", true))
      add("accounts", grade::bad, "sent = delivered + dropped + in flight is broken on a link",
          "this is a fault of Hocket: please report it with events.jsonl");
    return std::move(found_);
  }

 private:
  void add(std::string what, grade how, std::string detail, std::string remedy) {
    found_.push_back({std::move(what), how, std::move(detail), std::move(remedy)});
  }
  static double growth(const std::map<std::string, json>& old, const std::string& name,
                       const json& now, const char* key) {
    const auto at = old.find(name);
    return at == old.end() ? 0 : number(now, key) - number(at->second, key);
  }
  double actor_growth(const json& a, const char* key) const {
    return growth(old_actors_, word(a, "name"), a, key);
  }
  double link_growth(const json& l, const char* key) const {
    return growth(old_links_, word(l, "from") + word(l, "to"), l, key);
  }

  void examine_peers() {
    for (const auto& p : list(now_, "peers")) {
      const auto state = word(p, "state");
      if (state == "up" || state == "ready" || state.empty()) continue;
      const auto why = word(p, "reason");
      const bool may_pass = state == "connecting" || state == "suspect";
      if (state != "suspect") gone_.insert(word(p, "name"));
      std::set<std::string> waiting;
      for (const auto& l : links_)
        if (goes_nowhere(l) && is_full(l)) waiting.insert(actor_of(word(l, "from")));
      const auto blocks =
          waiting.empty() ? "" : fmt::format("; it blocks {}", fmt::join(waiting, ", "));
      add("host " + word(p, "name"), may_pass ? grade::warning : grade::bad,
          fmt::format("its link is {} for {:.1f} s{}{}", state, number(p, "state_ms") / 1000,
                      why.empty() ? "" : ": " + why, blocks),
          state == "refused" ? "start it with the same graph file, version and keys as this host"
                             : "is `hocket run --host " + word(p, "name") +
                                   "` alive there, and its address reachable from here?");
    }
  }

  void examine_actor(const json& a) {
    const auto name = "actor " + word(a, "name");
    const auto state = word(a, "state");
    const auto error = word(a, "last_error");
    const auto because = error.empty() ? "" : ": " + error;
    if (state == "lost")
      return add(name, grade::bad, "it is lost for good" + because,
                 "mend the cause and run again; `restart:` says how often it is tried");
    const auto restarts = number(a, "restarts");
    const auto more = actor_growth(a, "restarts");
    const auto recent = number(a, "restarts_in_window");
    if (recent >= 2 || (recent >= 1 && (more > 0 || state == "restarting")))
      add(name, grade::bad,
          fmt::format("it restarts in a loop: {:.0f} of {:.0f} restarts allowed in {:.0f} s are "
                      "used{}",
                      recent, number(a, "restart_max"), number(a, "restart_within_s"), because),
          "mend the cause: with the next ones the graph stops or goes on without it");
    else if (state == "restarting" || restarts > 0)
      add(name, state == "restarting" ? grade::bad : grade::warning,
          fmt::format("{} ({:.0f} since the start){}",
                      state == "restarting" ? "it is being restarted" : "it was restarted",
                      restarts, because),
          "see its `failed` lines in events.jsonl");
    examine_progress(a, name, state);
  }

  // Work in front of it, and none of it was taken between the two looks.
  void examine_progress(const json& a, const std::string& name, const std::string& state) {
    const auto call_ms = number(a, "call_ms");
    const auto queued = number(a, "queued");
    if (state == "hung" || call_ms >= 1000)
      return add(name, grade::bad,
                 fmt::format("it is stalled: in one call for {:.1f} s, {:.0f} packets wait",
                             call_ms / 1000, queued),
                 "`watchdog_ms` says when it is written off and restarted; a component that waits "
                 "for a device or the network declares `blocking`");
    if (queued == 0 || seconds_ <= 0 || actor_growth(a, "packets_in") > 0 || state == "blocked" ||
        state == "restarting" || state == "lost" || call_ms > 0)
      return;
    std::string silent;
    for (const auto& l : links_)
      if (actor_of(word(l, "to")) == word(a, "name") && number(l, "in_flight") == 0)
        silent += (silent.empty() ? "" : ", ") + word(l, "to") + " (from " + word(l, "from") + ")";
    add(name, grade::bad,
        fmt::format(
            "it is stalled: {:.0f} packets wait and none was taken for {:.1f} s{}", queued,
            seconds_,
            silent.empty() ? "" : "; a set may wait for " + silent + ", which bring nothing"),
        silent.empty() ? "see `hocket run --trace`" : "look at who feeds the silent input");
  }

  /// A link to a host that is not there ("ears.audio @gpu"): nobody is too slow, nobody takes.
  bool goes_nowhere(const json& l) const {
    const auto to = word(l, "to");
    const auto at = to.find(" @");
    return at != std::string::npos && gone_.contains(to.substr(at + 2));
  }

  bool is_full(const json& l) const {
    const auto size = number(l, "queue_size");
    return word(l, "full") == "block" && !truth(l, "back_edge", false) && size > 0 &&
           (number(l, "waiting_ms") > 0 || number(l, "in_flight") >= size);
  }
  /// Full for a moment is how `block` works; full for long, or in both looks, is worth a word.
  bool stays_full(const json& l) const {
    const auto old = old_links_.find(word(l, "from") + word(l, "to"));
    return is_full(l) &&
           (number(l, "waiting_ms") >= 100 || (old != old_links_.end() && is_full(old->second)));
  }

  /// Follows full queues down from an actor to the one that waits for nobody.
  std::string culprit(std::string actor) const {
    std::set<std::string> seen;
    for (bool on = true; on && seen.insert(actor).second;) {
      on = false;
      for (const auto& l : links_)
        if (actor_of(word(l, "from")) == actor && is_full(l)) {
          actor = actor_of(word(l, "to"));
          on = true;
          break;
        }
    }
    return actor;
  }

  /// All that wait because of this actor, the nearest first.
  std::vector<std::string> held_up_by(const std::string& actor) const {
    std::vector<std::string> out;
    std::vector<std::string> todo = {actor};
    for (std::size_t i = 0; i < todo.size(); ++i)
      for (const auto& l : links_) {
        const auto from = actor_of(word(l, "from"));
        if (actor_of(word(l, "to")) != todo[i] || !is_full(l) || from == actor ||
            std::find(out.begin(), out.end(), from) != out.end())
          continue;
        out.push_back(from);
        todo.push_back(from);
      }
    return out;
  }

  // One finding per culprit: the queues in front of those who only wait are a consequence.
  void examine_full_queues() {
    for (const auto& l : links_) {
      if (!stays_full(l) || goes_nowhere(l) ||
          culprit(actor_of(word(l, "to"))) != actor_of(word(l, "to")))
        continue;
      const auto to = actor_of(word(l, "to"));
      const auto waiting_ms = number(l, "waiting_ms");
      const auto taken = seconds_ > 0 ? link_growth(l, "delivered") / seconds_ : 0;
      const auto& a = actors_.contains(to) ? actors_.at(to) : json::object();
      const bool lasting = waiting_ms >= 1000;
      add("queue " + word(l, "to"), lasting ? grade::bad : grade::warning,
          fmt::format(
              "full ({:.0f} of {:.0f}, {:.1f} taken per s): it blocks {}{}", number(l, "in_flight"),
              number(l, "queue_size"), taken, fmt::format("{}", fmt::join(held_up_by(to), ", ")),
              waiting_ms > 0 ? fmt::format(", waiting for {:.1f} s", waiting_ms / 1000) : ""),
          fmt::format("{} is too slow ({:.1f} ms per call, p50): make it faster, or let the link "
                      "drop (queue: {{full: drop_oldest}})",
                      to, number(a, "handler_p50_ms")));
    }
  }

  void examine_losses(const json& l) {
    const auto now = object(l, "dropped");
    const auto old_link = old_links_.find(word(l, "from") + word(l, "to"));
    const bool known = old_link != old_links_.end() && seconds_ > 0;
    const auto old = known ? object(old_link->second, "dropped") : json::object();
    for (const auto& [reason, n] : now.items()) {
      if (!n.is_number()) continue;
      const auto fresh = n.get<double>() - number(old, reason.c_str());
      const bool harmless = remedy_of(reason).ends_with("nothing is wrong");
      add("link " + word(l, "from") + " > " + word(l, "to"),
          harmless ? grade::good : grade::warning,
          fmt::format(
              "{:.0f} of {:.0f} packets dropped, {}{}", n.get<double>(), number(l, "sent"), reason,
              fresh > 0 && known ? fmt::format(" ({:.1f} per s now)", fresh / seconds_) : ""),
          harmless ? "" : remedy_of(reason));
    }
  }

  // A link to another host: what its breaking and healing cost.
  void examine_wire(const json& w) {
    double lost = 0;
    const auto drops = object(w, "dropped");
    for (const auto& [reason, n] : drops.items())
      if (n.is_number()) lost += n.get<double>();
    if (lost == 0 && number(w, "gaps") == 0) return;
    add(fmt::format("wire {} {} {}", word(w, "link"), truth(w, "outgoing", true) ? "to" : "from",
                    word(w, "peer")),
        grade::warning,
        fmt::format("{:.0f} packets dropped, {:.0f} gaps announced", lost, number(w, "gaps")),
        "the link broke, or could not keep up; `full: block` on its queue makes it lossless");
  }

  void examine_budget(const json& b) {
    if (number(b, "missed") == 0) return;
    std::string most;
    double worst = 0;
    const auto blamed = object(b, "blamed");
    for (const auto& [hop, n] : blamed.items())
      if (n.is_number() && n.get<double>() > worst) worst = n.get<double>(), most = hop;
    const auto more = growth(old_budgets_, word(b, "path"), b, "missed");
    add("budget " + word(b, "path"), grade::warning,
        fmt::format("{:.0f} of {:.0f} micro-turns took more than {:.0f} ms (p99 {:.0f} ms){}{}",
                    number(b, "missed"), number(b, "checked"), number(b, "limit_ms"),
                    number(b, "p99_ms"), more > 0 ? ", more of them just now" : "",
                    most.empty() ? "" : fmt::format("; {} is to blame for {:.0f}", most, worst)),
        most.ends_with("(queue)") ? "it waits in a queue: see what is before it with `hocket top`"
                                  : "give it a faster device, or smaller work; see `hocket bench`");
  }

  const json& now_;
  double seconds_ = 0;
  std::map<std::string, json> actors_, old_actors_, old_links_, old_budgets_;
  std::vector<json> links_;
  std::set<std::string> gone_;  ///< hosts that are not there
  std::vector<finding> found_;
};

}  // namespace

std::string remedy_of(const std::string& reason) {
  static const std::map<std::string, std::string> known = {
      {"queue_full_oldest",
       "the receiver is slower than its sender, or more waited for a lost host than is kept for "
       "it: "
       "that is what the policy is for, or give the queue a larger size"},
      {"queue_full_newest",
       "the receiver is slower than its sender: a larger queue, or a faster "
       "receiver"},
      {"replaced",
       "policy `latest` keeps the newest only: choose drop_oldest or block if each "
       "packet counts"},
      {"too_old", "they waited longer than max_age_ms: see who is slow before them, or raise it"},
      {"old_epoch", "an interruption made them worthless: nothing is wrong"},
      {"actor_lost", "the receiver is gone for good: see its last error"},
      {"actor_restarting", "the receiver failed while it worked on them: see its last error"},
      {"bad_packet",
       "the sender emits what its port does not declare: see `bad_packet` in "
       "events.jsonl"},
      {"late", "they came after their micro-turn was handed over: the way to it is too slow"},
      {"session_closed", "their conversation was closed: nothing is wrong"},
      {"stopped", "the graph was stopping: nothing is wrong"},
      {"rewired", "a rewire took their link or their receiver out: see `hocket apply --history`"},
  };
  const auto at = known.find(reason);
  return at == known.end() ? "see actors/host/README.md" : at->second;
}

std::vector<finding> diagnose(const std::string& before_text, const std::string& now_text) {
  const auto now = json::parse(now_text, nullptr, false);
  auto before = json::parse(before_text, nullptr, false);
  if (!now.is_object())
    return {{"run", grade::bad, "not a status: " + now_text.substr(0, 200), "is it a Hocket run?"}};
  if (!before.is_object()) before = json::object();
  auto found = patient(before, now).examine();
  std::stable_sort(found.begin(), found.end(),
                   [](const finding& a, const finding& b) { return a.how > b.how; });
  const bool fine = std::all_of(found.begin(), found.end(),
                                [](const finding& f) { return f.how == grade::good; });
  if (fine)
    found.push_back(
        {"run", grade::good,
         fmt::format("{}: {} actors and {} links, nothing stalled, full or lost",
                     word(now, "graph"), list(now, "actors").size(), list(now, "links").size()),
         ""});
  const auto host = word(now, "host");
  if (!host.empty())
    for (auto& f : found) f.what = host + ": " + f.what;
  return found;
}

}  // namespace hocket::cli
