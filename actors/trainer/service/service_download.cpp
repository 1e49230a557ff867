// The adapter from the service: file by file, or as an archive.
#include <fmt/format.h>

#include "actors/http/confidential.hpp"
#include "actors/http/url.hpp"
#include "actors/trainer/service/service_session.hpp"
#include "engine/language/files/strict_json.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

constexpr std::size_t most_adapter_bytes = std::size_t{2} << 30;

std::string text_at(const json& j, const char* key) {
  const auto v = j.is_object() ? j.value(key, json()) : json();
  return v.is_string() ? v.get<std::string>() : std::string();
}

/// Whether two URLs are of one server.
bool is_same_place(const http::url& a, const http::url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

}  // namespace

/// No key goes with it: such URLs have their own in them.
result<std::string> service_session::file(const std::string& url) {
  const auto to = http::read_url(url), home = http::read_url(settings_.base_url);
  if (!to || !home || (to->scheme != "https" && to->scheme != "http"))
    return fail("train.service_odd", "a file has no URL that can be read");
  if (!is_same_place(*to, *home) && !to->is_tls())
    return fail("train.service_unreachable",
                "a file of the adapter is offered at " + to->without_query() + ", without TLS");
  if (settings_.may_reach) HOCKET_TRY(settings_.may_reach(to->scheme + "://" + to->authority()));
  auto c = call_of(
      {.method = "GET", .path = url, .is_future = false, .answer_bytes = most_adapter_bytes});
  auto a = run(c);
  if (!a) return fail(a);
  if (a->status != 200)
    return fail("train.service_refused",
                fmt::format("a file of the adapter: HTTP status {}", a->status));
  return std::move(a->body);
}

result<lora::adapter_files> service_session::files_of(const json& answer) {
  const auto urls = answer.value("urls", json());
  lora::adapter_files files;
  for (const auto& [name, into] : {std::pair{"adapter_config.json", &files.config},
                                   {"adapter_model.safetensors", &files.weights}}) {
    const auto url = text_at(urls, name);
    if (url.empty())
      return fail("train.service_odd", fmt::format("the export has no URL of {}", name));
    auto bytes = file(url);
    if (!bytes) return fail(bytes);
    *into = std::move(*bytes);
  }
  return files;
}

result<lora::adapter_files> service_session::archive_of(const std::string& checkpoints,
                                                        const std::string& name) {
  const auto saved =
      operate("save_weights_for_sampler",
              {{"path", name}, {"kind", "snapshot"}, {"type", "save_weights_for_sampler"}});
  if (!saved) return fail(saved);
  const auto path = path_of(*saved, "sampler_weights", name);
  if (!path) return fail(path);
  const auto at = checkpoints + "/sampler_weights/" + name;
  auto c = call_of({.method = "GET", .path = at + "/archive", .is_future = false});
  const auto a = run(c);
  if (!a) return fail(a);
  const auto url = a->status == 200
                       ? text_at(language::strict_json(a->body, "answer").value_or(json()), "url")
                       : a->location;
  const auto bytes = file(url);
  forget(at);
  if (!bytes) return fail(bytes);
  return read_archive(*bytes);
}

result<lora::adapter_files> service_session::download(const std::string& name) {
  const auto checkpoints = fmt::format("/api/v1/training_runs/{}/checkpoints", model_);
  const auto saved =
      operate("save_weights_external", {{"path", name}, {"type", "save_weights_external"}});
  // Older ones have no such operation, and say so in one of these ways.
  if (!saved &&
      (saved.error().code == "train.service_lost" || saved.error().code == "train.service_refused"))
    return archive_of(checkpoints, name);
  if (!saved) return fail(saved);
  const auto path = path_of(*saved, "external_weights", name);
  if (!path) return fail(path);
  const auto at = checkpoints + "/external_weights/" + name;
  const auto urls =
      ask({.method = "GET", .path = at + "/external_weights_urls", .is_future = false});
  if (!urls) return fail(urls);
  auto files = files_of(*urls);
  forget(at);
  return files;
}

}  // namespace hocket::trainer
