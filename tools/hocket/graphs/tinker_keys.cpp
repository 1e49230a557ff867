// hocket keys api: keys of the training server, with scopes and quotas.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/gateway/tinker/keys/api_keys.hpp"
#include "actors/http/digest.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/graphs/api_keys.hpp"
#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* key_file = "tinker.keys";

/// Quotas that are not given are those of the owner's other keys.
result<tinker::tenant> tenant_of(const tinker_keys_options& o, const std::string& name,
                                 const tinker::api_keys& before) {
  const auto scopes = tinker::scopes_of(o.scopes);
  if (!scopes) return fail("keys.bad_scope", "--scopes: " + scopes.error().message);
  tinker::tenant t{name, *scopes};
  for (const auto& other : before.tenants())
    if (other.owner == name) t.most = other.most;
  if (o.models > 0) t.most.models = o.models;
  if (o.futures > 0) t.most.futures = o.futures;
  if (o.stored_mib > 0) t.most.stored_mib = o.stored_mib;
  if (o.tokens_per_minute > 0) t.most.tokens_per_minute = o.tokens_per_minute;
  return t;
}

}  // namespace

int run_tinker_keys(const tinker_keys_options& o) {
  for (const auto& name : o.names)
    if (!is_key_name(name))
      return complain({"keys.bad_name", fmt::format("`{}` cannot be a key's name", name)},
                      exit_bad_input, "names are up to 64 letters, digits, `_`, `-`, `.` and `@`");
  const auto dir = trust::folder::open(o.dir);
  if (!dir) return complain(dir.error(), exit_bad_input);
  auto lines = lines_of_keys(*dir, key_file,
                             "# Keys of the training server, hashed: NAME sha256:HEX scopes=A,B "
                             "[models=N] [stored_mib=N] [tokens_per_minute=N] [futures=N]\n");
  if (!lines) return complain(lines.error(), exit_bad_input);
  const auto path = (std::filesystem::path(o.dir) / key_file).string();
  const auto before = tinker::api_keys::parse(*lines, path);
  if (!before) return complain(before.error(), exit_bad_input);
  json made = json::array();
  for (const auto& name : o.names) {
    const auto whose = tenant_of(o, name, *before);
    if (!whose) return complain(whose.error(), exit_bad_input);
    const auto key = "tml-" + http::random_token(32);
    *lines += tinker::key_line(*whose, key);
    made.push_back(
        {{"name", name}, {"key", key}, {"scopes", tinker::names_of_scopes(whose->scopes)}});
  }
  if (const auto good = tinker::api_keys::parse(*lines, path); !good)
    return complain(good.error(), exit_bad_input);
  if (auto ok = dir->write(key_file, *lines); !ok) return complain(ok.error(), exit_bad_input);
  if (o.json) {
    say("{}\n", json{{"file", path}, {"keys", made}}.dump(2));
    return exit_fine;
  }
  for (const auto& k : made)
    say("{:<16} {}  {}\n", k["name"].get<std::string>(), k["key"].get<std::string>(),
        k["scopes"].get<std::string>());
  say("the keys are shown this once; {} holds their hashes: `hocket serve tinker MODEL --keys "
      "{}`\n",
      path, path);
  return exit_fine;
}

}  // namespace hocket::cli
