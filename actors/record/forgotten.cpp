#include "actors/record/forgotten.hpp"

#include <filesystem>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/record/rotation.hpp"
#include "graph/contract/sink.hpp"
#include "graph/trust/files.hpp"

namespace hocket::record {

input_port forgets_input() {
  return {forgets_port,
          {.kind = payload_kind::delegation},
          "a guard's or a gateway's: what was written of the conversation is removed, and no more "
          "of it is written",
          false,
          default_queue(payload_kind::delegation)};
}

output_port forgotten_output() {
  return {forgotten_port,
          {.kind = payload_kind::delegation},
          "that it was: JSON, as its task, for policy.incidents"};
}

forgotten_files remove_recorded(const std::string& path, bool has_pieces) {
  forgotten_files out;
  auto all = has_pieces ? pieces_of(path) : std::vector<std::string>();
  all.push_back(path + ".next");
  all.push_back(path);
  for (const auto& file : all) {
    std::error_code none;
    const auto bytes = std::filesystem::file_size(file, none);
    if (none) continue;  // it is not there
    const auto at = trust::folder::above(file, trust::readers::owner);
    const auto done = at ? at->first.remove(at->second) : result<void>(fail(at));
    if (done)
      ++out.files, out.bytes += static_cast<std::int64_t>(bytes);
    else
      out.failed = done.error().message;
  }
  return out;
}

void tell_forgotten(const context& where, const forgotten_files& what, std::size_t port,
                    timestamp at, emitter& out) {
  nlohmann::json line{{"forget", what.failed.empty() ? "done" : "failed"},
                      {"keeper", where.actor},
                      {"files", what.files},
                      {"bytes", what.bytes}};
  where.count(what.failed.empty() ? "forgotten" : "not_forgotten", 1);
  where.log(what.failed.empty() ? fmt::format("forgotten: {} files removed", what.files)
                                : "NOT forgotten: " + what.failed);
  delegation d;
  d.request = 1;
  d.task = line.dump();
  out.emit(port, make_packet(at, std::move(d)));
}

}  // namespace hocket::record
