// The adapter from the service: file by file, or as an archive.
#include <tuple>

#include <fmt/format.h>

#include "actors/http/confidential.hpp"
#include "actors/http/url.hpp"
#include "actors/trainer/service/service_session.hpp"
#include "engine/language/files/strict_json.hpp"
#include "graph/text/clean.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

constexpr std::size_t most_adapter_bytes = std::size_t{2} << 30;
constexpr std::size_t most_config_bytes = 64 << 10;
constexpr std::size_t longest_url = 8 << 10, longest_shown = 200;

/// Whether two URLs are of one server.
bool is_same_place(const http::url& a, const http::url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

}  // namespace

/// No key goes with it: such URLs have their own in them.
result<std::string> service_session::file(const std::string& url, std::size_t most_bytes) {
  const auto to = http::read_url(url), home = http::read_url(settings_.base_url);
  if (!to || !home || url.size() > longest_url || (to->scheme != "https" && to->scheme != "http"))
    return fail("train.service_odd", "a file has no URL that can be read");
  if (!is_same_place(*to, *home) && !to->is_tls())
    return fail("train.service_unreachable",
                "a file of the adapter is offered without TLS: " +
                    cut_text(clean_text(to->without_query()), longest_shown));
  if (settings_.may_reach)
    if (const auto may = settings_.may_reach(to->scheme + "://" + to->authority()); !may)
      return fail("train.service_unreachable", may.error().message);
  auto c = call_of({.method = "GET", .path = url, .is_future = false, .answer_bytes = most_bytes});
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
  for (const auto& [name, into, most] :
       {std::tuple{"adapter_config.json", &files.config, most_config_bytes},
        {"adapter_model.safetensors", &files.weights, most_adapter_bytes}}) {
    const auto url = text_at(urls, name, longest_url);
    if (url.empty())
      return fail("train.service_odd", fmt::format("the export has no URL of {}", name));
    auto bytes = file(url, most);
    if (!bytes) return fail(bytes);
    *into = std::move(*bytes);
  }
  return files;
}

result<lora::adapter_files> service_session::archive_of(const std::string& name) {
  const auto saved =
      operate("save_weights_for_sampler",
              {{"path", name}, {"kind", "snapshot"}, {"type", "save_weights_for_sampler"}});
  if (!saved) return fail(saved);
  const auto path = path_of(*saved, "sampler_weights", name);
  if (!path) return fail(path);
  const auto at = checkpoints() + "/sampler_weights/" + name;
  auto c = call_of({.method = "GET", .path = at + "/archive", .is_future = false});
  const auto got = [&]() -> result<std::string> {
    const auto a = run(c);
    if (!a) return fail(a);
    if (a->status != 200) return file(a->location, most_adapter_bytes);
    const auto j = language::strict_json(a->body, "answer");
    return file(text_at(j.value_or(json()), "url", longest_url), most_adapter_bytes);
  };
  const auto bytes = got();
  forget(at);
  if (!bytes) return fail(bytes);
  return read_archive(*bytes);
}

result<lora::adapter_files> service_session::download(const std::string& name) {
  const auto saved =
      operate("save_weights_external", {{"path", name}, {"type", "save_weights_external"}});
  // Older ones have no such operation, and say so in one of these ways.
  if (!saved &&
      (saved.error().code == "train.service_lost" || saved.error().code == "train.service_refused"))
    return archive_of(name);
  if (!saved) return fail(saved);
  const auto path = path_of(*saved, "external_weights", name);
  if (!path) return fail(path);
  const auto at = checkpoints() + "/external_weights/" + name;
  const auto urls =
      ask({.method = "GET", .path = at + "/external_weights_urls", .is_future = false});
  auto files = urls ? files_of(*urls) : fail(urls);
  forget(at);
  return files;
}

}  // namespace hocket::trainer
