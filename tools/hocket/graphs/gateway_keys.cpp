#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/http/certificate.hpp"
#include "actors/http/digest.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/graphs/api_keys.hpp"
#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {

bool is_key_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == '@';
         });
}

result<std::string> lines_of_keys(const trust::folder& dir, const std::string& file,
                                  const std::string& first) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::path(dir.path()) / file, ignored)) return first;
  auto before = dir.read(file);
  if (before && !before->empty() && before->back() != '\n') *before += '\n';
  return before;
}

namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr const char* key_file = "gateway.keys";

/// Adds a line per name: the key itself is shown now and never again.
int make_api_keys(const keys_options& o) {
  for (const auto& name : o.api)
    if (!is_key_name(name))
      return complain({"keys.bad_name", fmt::format("`{}` cannot be a key's name", name)},
                      exit_bad_input, "names are up to 64 letters, digits, `_`, `-`, `.` and `@`");
  const auto dir = trust::folder::open(o.dir);
  if (!dir) return complain(dir.error(), exit_bad_input);
  auto before = lines_of_keys(*dir, key_file,
                              "# Keys of the gateway, hashed: NAME sha256:HEX [sessions=N] "
                              "[per_minute=N] [edit], or grown_up\n");
  if (!before) return complain(before.error(), exit_bad_input);
  auto lines = std::move(*before);
  json made = json::array();
  for (const auto& name : o.api) {
    const auto key = "hk_" + http::random_token(32);
    lines += fmt::format("{} sha256:{}{}\n", name, http::sha256_hex(key),
                         o.edit       ? " edit"
                         : o.grown_up ? " grown_up"
                                      : "");
    made.push_back({{"name", name}, {"key", key}});
  }
  if (auto ok = dir->write(key_file, lines); !ok) return complain(ok.error(), exit_bad_input);
  const auto path = (fs::path(o.dir) / key_file).string();
  if (o.json) {
    say("{}\n", json{{"file", path}, {"keys", made}}.dump(2));
    return exit_fine;
  }
  for (const auto& k : made)
    say("{:<16} {}\n", k["name"].get<std::string>(), k["key"].get<std::string>());
  say("the keys are shown this once; {} holds their hashes: `keys_file` of the gateway{}\n", path,
      o.grown_up ? "; they let nobody in, and open the settings of conversations of minors" : "");
  return exit_fine;
}

/// A certificate that vouches for itself, with its key, for these names.
int make_identity(const keys_options& o) {
  const auto made = http::make_certificate(o.tls);
  if (!made) return complain(made.error(), exit_bad_input);
  const auto dir = trust::folder::open(o.dir);
  if (!dir) return complain(dir.error(), exit_bad_input);
  std::error_code ignored;
  for (const char* name : {"gateway.pem", "gateway.key"})
    if (fs::exists(fs::path(o.dir) / name, ignored))
      return complain(
          {"keys.exists", fmt::format("{} is there", (fs::path(o.dir) / name).string())},
          exit_bad_input, "a key is never replaced: remove both files first if you mean it");
  if (auto ok = dir->write("gateway.key", made->private_key); !ok)
    return complain(ok.error(), exit_bad_input);
  if (auto ok = dir->write("gateway.pem", made->certificate_chain, trust::readers::everyone); !ok)
    return complain(ok.error(), exit_bad_input);
  const auto certificate = (fs::path(o.dir) / "gateway.pem").string();
  const auto key = (fs::path(o.dir) / "gateway.key").string();
  if (o.json)
    say("{}\n", json{{"certificate", certificate}, {"private_key", key}}.dump(2));
  else
    say("{} (clients trust it) and {} (stays here); 397 days\n", certificate, key);
  return exit_fine;
}

}  // namespace

int run_gateway_keys(const keys_options& o) {
  if (!o.tls.empty())
    if (const int code = make_identity(o); code != exit_fine) return code;
  return o.api.empty() ? exit_fine : make_api_keys(o);
}

}  // namespace hocket::cli
