// What is answered without a key: a model's tokenizer files by the hub's paths, so that offline
// clients find them (HF_ENDPOINT = the server), and files that were handed out.
#include <algorithm>

#include <fmt/format.h>

#include "actors/gateway/tinker/service_state.hpp"
#include "actors/governance/process_book.hpp"
#include "actors/gateway/tinker/tar.hpp"
#include "engine/language/files/mapped_file.hpp"

namespace hocket::tinker {
namespace {

using nlohmann::json;

constexpr const char* hub_files[] = {"config.json",
                                     "tokenizer_config.json",
                                     "tokenizer.json",
                                     "chat_template.jinja",
                                     "tokenizer.model",
                                     "added_tokens.json",
                                     "special_tokens_map.json",
                                     "vocab.json",
                                     "merges.txt",
                                     "generation_config.json",
                                     "processor_config.json",
                                     "preprocessor_config.json"};

http::response no_entry(const std::string& what) {
  return {
      404, "application/json", json{{"error", what}}.dump(), {{"X-Error-Code", "EntryNotFound"}}};
}

/// /ORG/NAME/resolve/REVISION/FILE
std::optional<http::response> hub_file(service::state& s, const http::request& r) {
  const auto at = r.path.find("/resolve/");
  if ((r.method != "GET" && r.method != "HEAD") || at == r.path.npos) return std::nullopt;
  const auto model = s.find_model(r.path.substr(1, at - 1));
  const auto rest = r.path.substr(at + 9);
  const auto slash = rest.find('/');
  if (!model || slash == rest.npos)
    return http::response{404,
                          "application/json",
                          R"({"error":"Repository not found"})",
                          {{"X-Error-Code", "RepoNotFound"}}};
  const auto name = rest.substr(slash + 1);
  const bool known = std::any_of(std::begin(hub_files), std::end(hub_files),
                                 [&](const char* f) { return name == f; });
  const auto made = model->made_files.find(name);
  const auto text = made != model->made_files.end() ? result<std::string>(made->second)
                    : known && !model->folder.empty()
                        ? language::read_text(model->folder + "/" + name, 256u << 20)
                        : result<std::string>(fail("", ""));
  if (!text) {
    auto r404 = no_entry("Entry not found");
    r404.headers.emplace_back("X-Repo-Commit", model->revision);
    return r404;
  }
  return http::response{200,
                        "application/octet-stream",
                        *text,
                        {{"ETag", fmt::format("\"{}-{}\"", model->revision.substr(0, 16), name)},
                         {"X-Repo-Commit", model->revision},
                         {"Accept-Ranges", "none"}}};
}

/// /files/TOKEN/FILE
std::optional<http::response> handed_file(service::state& s, const http::request& r) {
  if (!r.path.starts_with("/files/") || r.method != "GET") return std::nullopt;
  const auto rest = r.path.substr(7);
  const auto slash = rest.find('/');
  if (slash == rest.npos) return std::nullopt;
  checkpoint_path path;
  std::string passed;
  {
    const std::lock_guard lock(s.mutex);
    const auto found = s.files.find(rest.substr(0, slash));
    if (found == s.files.end() || found->second.until < clock::now())
      return no_entry("the address is not valid, or not any more");
    path = found->second.path, passed = found->second.weights_sha256;
  }
  if (governance::process_book::of_process().is_frozen(path.text()))
    return no_entry("frozen by an incident");
  auto files = s.store->read(path);
  if (!files) return no_entry(files.error().message);
  if (weights_sha256(*files) != passed)
    return no_entry("other weights have its name by now: ask for an address of those");
  files->erase("optimizer.safetensors");
  const auto name = rest.substr(slash + 1);
  if (name == "archive.tar") return http::response{200, "application/x-tar", as_tar(*files), {}};
  const auto file = files->find(name);
  if (file == files->end()) return no_entry("no such file");
  return http::response{200, "application/octet-stream", file->second, {}};
}

}  // namespace

std::optional<http::response> open_route(service::state& s, const http::request& r) {
  if (r.path == "/api/v1/healthz") return json_answer({{"status", "ok"}});
  if (auto file = handed_file(s, r)) return file;
  if (auto file = hub_file(s, r)) return file;
  if (r.path.starts_with("/api/models/") || r.path == "/api/agent-harnesses")
    return no_entry("this server has files by /resolve/ only");
  return std::nullopt;
}

}  // namespace hocket::tinker
