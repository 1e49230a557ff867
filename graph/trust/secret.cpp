#include "graph/trust/secret.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <shared_mutex>
#include <vector>

namespace hocket::trust {
namespace {

constexpr std::size_t shortest = 4, anywhere = 12;
constexpr std::string_view everyday[] = {"HOME",    "USER",     "LOGNAME",        "PWD",  "OLDPWD",
                                         "PATH",    "LANG",     "SHELL",          "TERM", "TMPDIR",
                                         "DISPLAY", "HOSTNAME", "WAYLAND_DISPLAY"};

bool is_everyday(std::string_view name) {
  return std::find(std::begin(everyday), std::end(everyday), name) != std::end(everyday) ||
         name.starts_with("XDG_") || name.starts_with("LC_");
}

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// As JSON and our YAML write it between quotes.
std::string escaped(std::string_view text, bool graph) {
  constexpr auto hex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\')
      (out += '\\') += static_cast<char>(c);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\b')
      out += graph ? "\\x08" : "\\b";
    else if (c == '\f')
      out += graph ? "\\x0c" : "\\f";
    else if (c < 0x20) {
      out += graph ? "\\x" : "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else {
      if (graph && c == '$' && text.substr(i).starts_with("${")) out += '$';
      out += static_cast<char>(c);
    }
  }
  return out;
}

struct noted {
  std::string name;
  std::vector<secret> forms;  ///< itself first, then how others write it
};

thread_local secrets_of_graph* watching = nullptr;
std::atomic<bool> some{false};
std::shared_mutex mutex;
std::vector<noted>& all() {
  static auto* const it = new std::vector<noted>;  // asked until the process ends
  return *it;
}

void replace(std::string& text, std::string_view what, std::string_view by, bool words_alone) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos;) {
    const bool word = (at == 0 || !in_word(text[at - 1]) || !in_word(what.front())) &&
                      (at + what.size() == text.size() || !in_word(text[at + what.size()]) ||
                       !in_word(what.back()));
    if (words_alone && !word) {
      ++at;
      continue;
    }
    text.replace(at, what.size(), by);
    at += by.size();
  }
}

/// Longest first: one value may hold another.
template <class F>
void each_form(const std::vector<noted>& list, F&& f) {
  std::vector<std::pair<std::string_view, std::string_view>> forms;
  for (const auto& n : list)
    for (const auto& form : n.forms) forms.emplace_back(form.exposed(), n.name);
  std::stable_sort(forms.begin(), forms.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  for (const auto& [form, name] : forms) f(form, name);
}

std::string reference(std::string_view name) { return "${env:" + std::string(name) + "}"; }

/// What stands between the quotes of a scalar, or a plain one.
std::string scalar_without(const std::vector<noted>& list, std::string text, bool quoted) {
  for (const auto& n : list)
    for (const auto& form : n.forms)
      if (text == form.exposed()) return quoted ? reference(n.name) : '"' + reference(n.name) + '"';
  if (!quoted) return text;
  each_form(list, [&](auto form, auto name) {
    if (form.size() >= shortest) replace(text, form, reference(name), form.size() < anywhere);
  });
  return text;
}

/// Where a double-quoted scalar that begins at `at` ends: behind its last quote.
std::size_t end_of_quoted(std::string_view yaml, std::size_t at) {
  for (++at; at < yaml.size() && yaml[at] != '"'; ++at)
    if (yaml[at] == '\\') ++at;
  return std::min(at + 1, yaml.size());
}

bool ends_plain(char c) { return c == '\n' || c == ',' || c == ']' || c == '}'; }

noted with_forms(const std::string& name, std::string_view value) {
  noted made{name, {}};
  const auto add = [&](std::string_view form) {
    for (const auto& f : made.forms)
      if (f.exposed() == form) return;
    made.forms.emplace_back(form);
  };
  add(value);
  for (const bool graph : {false, true}) {
    auto form = escaped(value, graph);
    add(form);
    wipe(form);
  }
  // Whoever cleans or folds a text tears it into lines.
  if (value.find('\n') != value.npos)
    for (std::size_t at = 0; at < value.size();) {
      const auto end = std::min(value.find('\n', at), value.size());
      if (end - at >= anywhere) add(value.substr(at, end - at));
      at = end + 1;
    }
  return made;
}

/// The text of a graph without the values of a list.
std::string graph_without(const std::vector<noted>& list, std::string_view yaml) {
  std::string out;
  for (std::size_t at = 0; at < yaml.size();) {
    const char c = yaml[at];
    if (c == '"') {
      const auto end = end_of_quoted(yaml, at);
      const auto inside = yaml.substr(at + 1, end - at - 2);
      out += '"' + scalar_without(list, std::string(inside), true) + '"';
      at = end;
    } else if ((c == ' ' && at > 0 &&
                (yaml[at - 1] == ':' || yaml[at - 1] == ',' || yaml[at - 1] == '-')) ||
               c == '[') {
      out += c;
      auto end = ++at;
      if (end < yaml.size() && (yaml[end] == '"' || yaml[end] == '{' || yaml[end] == '[')) continue;
      while (end < yaml.size() && !ends_plain(yaml[end])) ++end;
      const auto plain = yaml.substr(at, end - at);
      // `- name: value`, `{key: value`: the value comes in its turn.
      if (const auto colon = plain.find(": "); colon != plain.npos) end = at + colon + 1;
      out += scalar_without(list, std::string(yaml.substr(at, end - at)), false);
      at = end;
    } else {
      out += c;
      ++at;
    }
  }
  return out;
}

}  // namespace

secret::secret(std::string_view bytes) {
  if (bytes.empty()) return;
  // Pages of its own: what shares one with a secret would be locked, kept from dumps and unlocked
  // with it. A limit of locked memory (RLIMIT_MEMLOCK) does not keep a run from starting.
  void* const pages =
      ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  (void)::mlock(pages, bytes.size());
  (void)::madvise(pages, bytes.size(), MADV_DONTDUMP);
  (void)::madvise(pages, bytes.size(), MADV_WIPEONFORK);
  bytes_ = static_cast<char*>(pages);
  std::memcpy(bytes_, bytes.data(), bytes.size());
  size_ = bytes.size();
}

void secret::forget() {
  if (bytes_ == nullptr) return;
  ::explicit_bzero(bytes_, size_);
  ::munmap(bytes_, size_);
  bytes_ = nullptr;
  size_ = 0;
}

secret& secret::operator=(secret&& o) noexcept {
  if (this == &o) return *this;
  forget();
  bytes_ = std::exchange(o.bytes_, nullptr);
  size_ = std::exchange(o.size_, 0);
  return *this;
}

secret::~secret() { forget(); }

shared_secret::shared_secret(std::string_view bytes)
    : bytes_(bytes.empty() ? nullptr : std::make_shared<const secret>(bytes)) {}

bool operator==(const shared_secret& a, const shared_secret& b) {
  const auto x = a.exposed(), y = b.exposed();
  unsigned char differ = x.size() != y.size();
  for (std::size_t i = 0; i < x.size() && i < y.size(); ++i)
    differ |= static_cast<unsigned char>(x[i] ^ y[i]);
  return differ == 0;
}

void wipe(std::string& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

void note_secret(const std::string& name, std::string_view value) {
  if (value.empty() || is_everyday(name)) return;
  if (watching != nullptr) watching->note(name, value);
  std::unique_lock lock(mutex);
  for (const auto& n : all())
    if (n.name == name && n.forms.front().exposed() == value) return;
  all().push_back(with_forms(name, value));
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // programs that take dumps heed it, too
  some.store(true, std::memory_order_release);
}

bool any_secrets() { return some.load(std::memory_order_acquire); }

void forget_secrets() {
  std::unique_lock lock(mutex);
  all().clear();
  some.store(false);
}

std::string without_secrets(std::string text) {
  if (!any_secrets()) return text;
  std::shared_lock lock(mutex);
  each_form(all(), [&](auto form, auto name) {
    if (form.size() >= shortest) replace(text, form, reference(name), form.size() < anywhere);
  });
  return text;
}

std::string graph_without_secrets(std::string_view yaml) {
  if (!any_secrets()) return std::string(yaml);
  std::shared_lock lock(mutex);
  return graph_without(all(), yaml);
}

secrets_of_graph::secrets_of_graph() { watching = this; }
secrets_of_graph::~secrets_of_graph() { watching = nullptr; }

void secrets_of_graph::note(const std::string& name, std::string_view value) {
  for (const auto& [known, held] : noted_)
    if (known == name && held.exposed() == value) return;
  noted_.emplace_back(name, value);
}

std::string secrets_of_graph::without(std::string_view yaml) const {
  std::vector<noted> list;
  for (const auto& [name, value] : noted_) list.push_back(with_forms(name, value.exposed()));
  return list.empty() ? std::string(yaml) : graph_without(list, yaml);
}

}  // namespace hocket::trust
