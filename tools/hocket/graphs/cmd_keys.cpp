#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/wire/keys.hpp"
#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

struct listed_key {
  std::string name, public_key, secret;
  bool safe = true;
  std::string problem;
};

// What lies in the folder: each NAME.pub, and whether its NAME.key is there, fits and is private.
std::vector<listed_key> list_keys(const fs::path& dir) {
  std::vector<listed_key> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(dir, ignored)) {
    if (entry.path().extension() != ".pub") continue;
    listed_key k;
    k.name = entry.path().stem().string();
    const auto open = wire::read_public_key(entry.path());
    if (open)
      k.public_key = *open;
    else
      k.problem = open.error().message;
    const auto file = fs::path(entry.path()).replace_extension(".key");
    if (fs::exists(file, ignored)) {
      k.secret = file.string();
      const auto secret = wire::read_secret_key(file);
      if (!secret)
        k.problem = secret.error().message;
      else if (const auto fits = wire::public_key_of(*secret); !fits || (open && *fits != *open))
        k.problem = fmt::format("{} does not belong to {}", file.string(), entry.path().string());
    }
    k.safe = k.problem.empty();
    out.push_back(std::move(k));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

int show(const std::vector<listed_key>& keys, const keys_options& o) {
  bool safe = true;
  json all = json::array();
  for (const auto& k : keys) {
    safe = safe && k.safe;
    all.push_back({{"name", k.name},
                   {"public_key", k.public_key},
                   {"secret_file", k.secret},
                   {"problem", k.problem}});
    if (o.json) continue;
    say("{:<16} {}  {}\n", k.name, k.public_key.empty() ? "-" : k.public_key,
        k.secret.empty() ? "public only" : "secret in " + k.secret);
    if (!k.safe) say(stderr, "error: {} [wire.bad_key]\n", k.problem);
  }
  if (o.json) say("{}\n", json{{"dir", o.dir}, {"keys", all}}.dump(2));
  if (keys.empty() && !o.json) say("no keys in {}; `hocket keys NAME` makes a pair\n", o.dir);
  return safe ? exit_fine : exit_failed;
}

}  // namespace

int run_keys(const keys_options& o) {
  if ((o.edit || o.grown_up) && (o.api.empty() || (o.edit && o.grown_up)))
    return complain(
        {"cli.bad-arguments", "--edit or --grown-up is of the keys that --api makes, one of them"},
        exit_bad_input, "see `hocket keys --help`");
  if (!o.api.empty() || !o.tls.empty()) return run_gateway_keys(o);
  for (const auto& name : o.names) {
    const bool word = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (!word)
      return complain({"keys.bad_name", fmt::format("`{}` cannot be a host's name", name)},
                      exit_bad_input, "names are lower-case words: letters, digits and _");
  }
  for (const auto& name : o.names) {
    const auto pair = wire::make_keys();
    if (!pair) return complain(pair.error(), exit_failed);
    if (auto written = wire::write_keys(o.dir, name, *pair); !written)
      return complain(written.error(), exit_bad_input,
                      "a key is never replaced: remove both files first if you mean it");
  }
  auto keys = list_keys(o.dir);
  if (!o.names.empty())
    std::erase_if(keys, [&](const auto& k) {
      return std::find(o.names.begin(), o.names.end(), k.name) == o.names.end();
    });
  return show(keys, o);
}

}  // namespace hocket::cli
