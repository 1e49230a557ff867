#include "actors/background/toolbox.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/background/guarded.hpp"
#include "graph/contract/registry.hpp"
#include "graph/text/clean.hpp"

namespace hocket::background {
namespace {

constexpr std::size_t longest_name = 128;
constexpr std::size_t longest_summary = 4096;
constexpr std::size_t longest_schema = 65536;
constexpr std::size_t most_tools = 512;
constexpr std::size_t most_named = 8;  ///< of what is new or gone, in the event log
constexpr int most_offers_logged = 20;

/// "files.read" -> "files", "read"; "clock" -> "", "clock".
std::pair<std::string, std::string> split(const std::string& wanted) {
  const auto dot = wanted.find('.');
  if (dot == wanted.npos) return {"", wanted};
  return {wanted.substr(0, dot), wanted.substr(dot + 1)};
}

std::string full_name(const std::string& source, const std::string& tool) {
  return source.empty() ? tool : source + "." + tool;
}

/// What a source says of its tools comes from outside: names that nobody could write are left out,
/// texts are cleaned and bounded, limits are kept within what a tool may have.
bool tidy(tool_info& t) {
  const bool good = !t.name.empty() && t.name.size() <= longest_name &&
                    std::all_of(t.name.begin(), t.name.end(),
                                [](char c) { return c > ' ' && c < 0x7F && c != '*'; });
  if (!good || t.parameters_json_schema.size() > longest_schema) return false;
  t.summary = cut_text(clean_text(t.summary), longest_summary);
  t.parameters_json_schema = clean_text(t.parameters_json_schema);
  t.policy.time_limit_ms = std::clamp(t.policy.time_limit_ms, 1, 3'600'000);
  t.policy.max_result_bytes = std::clamp<std::size_t>(t.policy.max_result_bytes, 1, 16 << 20);
  return true;
}

}  // namespace

const tool_entry* tool_list::find(std::string_view name) const {
  const auto it = std::ranges::find(entries, name, [](const auto& e) { return e.info.name; });
  return it == entries.end() ? nullptr : &*it;
}

result<void> toolbox::open(const std::vector<std::string>& wanted, const named_parts& sources,
                           const context& where, std::function<void()> changed) {
  wanted_ = wanted;
  log_ = where.log;
  for (const auto& w : wanted) {
    const auto name = split(w).first;
    if (std::ranges::find(sources_, name, &opened_source::name) != sources_.end()) continue;
    HOCKET_TRY(add_source(name, sources, where, changed));
  }
  error missing;
  auto chosen = choose(missing);
  if (!missing.code.empty()) return fail(missing.code, missing.message);
  const std::lock_guard lock(mutex_);
  now_ = std::move(chosen);
  return {};
}

result<void> toolbox::add_source(const std::string& name, const named_parts& sources,
                                 const context& where, const std::function<void()>& changed) {
  if (name + "." == client_functions::prefix)
    return fail("background.source_failed",
                "no tool source may be called `client`: functions of the person's app are");
  static const registry none;
  const auto& types = where.types != nullptr ? *where.types : none;
  opened_source s;
  s.name = name;
  if (name.empty()) {
    s.type = "plugins";
    s.source = plugin_tools(types);
  } else {
    const auto declared = std::ranges::find(sources, name, &named_part::name);
    const part_choice p = declared != sources.end() ? declared->what : part_choice{.use = name};
    const auto* type = types.find_source(p.use);
    if (type == nullptr)
      return fail("background.no_such_source",
                  fmt::format("no tool source is called `{}`; registered: {}", p.use,
                              fmt::join(types.part_names(part_kind::tool_source), ", ")));
    auto config = type->make_config();
    diagnostics findings;
    read_config(p.settings, *config, "tool source " + name, {"use"}, findings);
    if (findings.has_errors()) return fail("background.source_failed", findings.to_string());
    s.type = p.use;
    s.source = type->make(*config);
  }
  tool_source_context c;
  c.name = name;
  c.time = where.time;
  c.may = where.may;
  c.changed = changed;
  c.log = where.log;
  c.count = where.count;
  auto& kept = sources_.emplace_back(std::move(s));
  if (auto done = guarded<void>("source.threw", [&] { return kept.source->open(c); }); !done) {
    auto why = fmt::format("tool source `{}` ({}): {} [{}]", kept.name, kept.type,
                           clean_text(done.error().message), done.error().code);
    sources_.pop_back();  // it did not open: nobody closes it
    return fail("background.source_failed", std::move(why));
  }
  ask(kept);
  return {};
}

void toolbox::ask(opened_source& s) {
  auto has = guarded<std::vector<tool_info>>("source.threw", [&] { return s.source->list(); });
  if (!has) {
    log_(fmt::format("tool source `{}` ({}) says not what it has: {}", s.name, s.type,
                     clean_text(has.error().message)));
    s.has.clear();
    return;
  }
  std::vector<tool_info> good;
  for (auto& t : *has)
    if (good.size() < most_tools && tidy(t)) good.push_back(std::move(t));
  if (good.size() < has->size())
    log_(
        fmt::format("tool source `{}` ({}): {} tool(s) are left out: a name that is too long or "
                    "not printable, a schema over {} bytes, or more than {}",
                    s.name, s.type, has->size() - good.size(), longest_schema, most_tools));
  s.has = std::move(good);
}

std::shared_ptr<const tool_list> toolbox::choose(error& missing) const {
  auto list = std::make_shared<tool_list>();
  list->entries = offered_;
  const bool only_offered = offered_alone_ && (no_calls_ || !offered_.empty());
  for (const auto& w : only_offered ? std::vector<std::string>() : wanted_) {
    const auto [source, name] = split(w);
    const auto& s = *std::ranges::find(sources_, source, &opened_source::name);
    bool found = name == "*";
    for (const auto& t : s.has) {
      if (name != "*" && t.name != name) continue;
      found = true;
      const auto full = full_name(source, t.name);
      if (list->find(full) != nullptr) continue;
      list->entries.push_back({t, s.source, t.name});
      list->entries.back().info.name = full;
    }
    if (found || !missing.code.empty()) continue;
    std::vector<std::string> there;
    for (const auto& t : s.has) there.push_back(full_name(source, t.name));
    missing.code = "background.no_such_tool";
    missing.message = fmt::format(
        "{} has no tool `{}`; there are: {}",
        source.empty() ? "the registry" : fmt::format("source `{}` ({})", source, s.type), w,
        there.empty() ? "none" : fmt::format("{}", fmt::join(there, ", ")));
  }
  for (const auto& e : list->entries) list->infos.push_back(e.info);
  return list;
}

void toolbox::refresh() {
  for (auto& s : sources_) ask(s);
  const auto before = now();
  error gone;  // told one by one instead
  change_to(choose(gone));
}

void toolbox::offer(std::vector<tool_info> functions, std::shared_ptr<client_functions> app,
                    bool alone, bool no_calls) {
  offered_.clear();
  offered_alone_ = alone;
  no_calls_ = no_calls;
  std::size_t left_out = 0;
  for (auto& f : functions) {
    if (!tidy(f)) {
      ++left_out;
      continue;
    }
    auto own = f.name;
    f.name = std::string(client_functions::prefix) + own;
    offered_.push_back({std::move(f), nullptr, std::move(own), app});
  }
  // An app may offer without end: the log is not its to fill.
  const bool is_logged = ++offers_logged_ <= most_offers_logged;
  if (left_out > 0 && is_logged)
    log_(
        fmt::format("{} function(s) of the app are left out: a name that is too long or not "
                    "printable, or a schema that is too long",
                    left_out));
  if (offers_logged_ == most_offers_logged) log_("what the app offers from here on is not logged");
  error gone;
  change_to(choose(gone), is_logged);
}

void toolbox::change_to(std::shared_ptr<const tool_list> chosen, bool is_logged) {
  const auto before = now();
  const auto tell = [&](const tool_list& of, const tool_list& other, const char* what) {
    std::size_t n = 0;
    for (const auto& e : of.entries)
      if (other.find(e.info.name) == nullptr && ++n <= most_named)
        log_(fmt::format("tool `{}` is {}", e.info.name, what));
    if (n > most_named) log_(fmt::format("{} more tools are {}", n - most_named, what));
  };
  if (is_logged) {
    tell(*before, *chosen, "gone");
    tell(*chosen, *before, "new");
  }
  const std::lock_guard lock(mutex_);
  now_ = std::move(chosen);
}

std::shared_ptr<const tool_list> toolbox::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void toolbox::close() {
  for (auto& s : sources_) s.source->close();
  sources_.clear();
}

}  // namespace hocket::background
