#include "tools/duplex/set_files.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/audio/wav.hpp"
#include "graph/trust/files.hpp"

namespace hocket::duplex {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

result<void> write_json(const fs::path& path, const json& what) {
  const auto done = trust::write_file(path.string(), what.dump(1) + "\n");
  return done ? done : fail("duplex.file", "cannot write " + done.error().message);
}

// The files that Full-Duplex-Bench V1's own scorers read.
result<void> write_first_version(const fs::path& at, const item& of) {
  json one{{"context", of.context_text}, {"timestamp", {of.from_s, of.to_s}}};
  std::string name;
  if (of.family == "pause") name = "pause.json";
  if (of.family == "turn") name = "turn_taking.json";
  if (of.family == "interruption" || of.family == "barge_in") {
    name = "interrupt.json";
    one["interrupt"] = of.current_turn_text;
  }
  if (!name.empty()) HOCKET_TRY(write_json(at / name, json::array({one})));
  json words{{"text", ""}, {"chunks", json::array()}};
  std::string text;
  for (const auto& s : of.sounds) {
    text += (text.empty() ? "" : " ") + s.text;
    words["chunks"].push_back({{"text", s.text}, {"timestamp", {s.from_s(), s.to_s()}}});
  }
  words["text"] = text;
  return write_json(at / "transcription.json", words);
}

result<void> write_item(const fs::path& at, const item& of) {
  HOCKET_TRY(engine::write_wav((at / "input.wav").string(), of.input, 1));
  if (!of.clean_input.empty())
    HOCKET_TRY(engine::write_wav((at / "clean_input.wav").string(), of.clean_input, 1));
  if (!of.frames.empty()) HOCKET_TRY(write_avi((at / "video.avi").string(), of.frames));
  HOCKET_TRY(write_first_version(at, of));
  return write_json(at / "metadata.json", metadata_of(of));
}

/// Little-endian RIFF.
class riff {
 public:
  void tag(const char* four) { out.insert(out.end(), four, four + 4); }
  void u32(std::uint64_t v) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>((v >> (8 * i)) & 255));
  }
  void u16(std::uint64_t v) {
    for (int i = 0; i < 2; ++i) out.push_back(static_cast<char>((v >> (8 * i)) & 255));
  }
  std::size_t open(const char* list, const char* type = nullptr) {
    tag(list);
    const auto at = out.size();
    u32(0);
    if (type) tag(type);
    return at;
  }
  void close(std::size_t at) {
    const auto size = out.size() - at - 4;
    for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>((size >> (8 * i)) & 255);
  }
  std::vector<char> out;
};

void write_avi_headers(riff& r, std::size_t frames, std::uint64_t width, std::uint64_t height,
                       std::uint64_t frame_us, std::uint64_t frame_bytes) {
  const auto headers = r.open("LIST", "hdrl");
  auto chunk = r.open("avih");
  for (const std::uint64_t v :
       {frame_us, std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{frames},
        std::uint64_t{0}, std::uint64_t{1}, frame_bytes, width, height})
    r.u32(v);
  for (int i = 0; i < 4; ++i) r.u32(0);
  r.close(chunk);
  const auto stream = r.open("LIST", "strl");
  chunk = r.open("strh");
  r.tag("vids");
  r.tag("DIB ");
  for (const std::uint64_t v : {std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{0}, frame_us,
                                std::uint64_t{1'000'000}, std::uint64_t{0}, std::uint64_t{frames},
                                frame_bytes, std::uint64_t{0xffffffff}, std::uint64_t{0}})
    r.u32(v);
  for (const std::uint64_t v : {std::uint64_t{0}, std::uint64_t{0}, width, height}) r.u16(v);
  r.close(chunk);
  chunk = r.open("strf");
  r.u32(40);
  r.u32(width);
  r.u32(height);
  r.u16(1);
  r.u16(24);
  for (const std::uint64_t v : {std::uint64_t{0}, frame_bytes, std::uint64_t{0}, std::uint64_t{0},
                                std::uint64_t{0}, std::uint64_t{0}})
    r.u32(v);
  r.close(chunk);
  r.close(stream);
  r.close(headers);
}

}  // namespace

std::string folder_of(const item_spec& of) {
  const auto key = of.key();
  const auto number = key.substr(key.find('/') + 1, 4);
  const auto* family = find_family(of.family);
  const std::string base = family ? family->folder : of.family;
  return (of.condition == "clean" ? "" : "robustness/" + of.condition + "/") + base + "/" + number;
}

result<void> write_avi(const std::string& path, const std::vector<picture_frame>& frames) {
  if (frames.empty()) return fail("duplex.file", path + ": no pictures");
  const auto width = static_cast<std::size_t>(frames.front().width);
  const auto height = static_cast<std::size_t>(frames.front().height);
  const double length_s =
      frames.size() > 1 ? (frames.back().at_s - frames.front().at_s) / double(frames.size() - 1)
                        : 0.1;
  const std::size_t row = (width * 3 + 3) / 4 * 4;
  riff r;
  const auto file = r.open("RIFF", "AVI ");
  write_avi_headers(r, frames.size(), width, height,
                    static_cast<std::uint64_t>(std::llround(length_s * 1e6)), row * height);
  const auto data = r.open("LIST", "movi");
  for (const auto& f : frames) {
    const auto chunk = r.open("00db");
    // Bottom row first, blue first.
    for (std::size_t y = height; y-- > 0;) {
      for (std::size_t x = 0; x < width; ++x)
        for (const std::size_t c : {2u, 1u, 0u})
          r.out.push_back(static_cast<char>(f.pixels[(y * width + x) * 3 + c]));
      r.out.resize(r.out.size() + row - width * 3);
    }
    r.close(chunk);
  }
  r.close(data);
  r.close(file);
  const auto done = trust::write_file(path, {r.out.data(), r.out.size()});
  return done ? done : fail("duplex.file", "cannot write " + done.error().message);
}

result<void> write_set(const std::string& folder, std::uint64_t seed,
                       const std::vector<item_spec>& specs,
                       const std::function<void(std::size_t, std::size_t)>& progress) {
  json items = json::array();
  for (std::size_t i = 0; i < specs.size(); ++i) {
    auto made = make_item(seed, specs[i]);
    if (!made) return fail(made);
    const auto at = folder_of(specs[i]);
    HOCKET_TRY(write_item(fs::path(folder) / at, *made));
    items.push_back({{"folder", at},
                     {"family", made->family},
                     {"condition", made->condition},
                     {"synthesiser", made->synthesiser},
                     {"voice", made->voice},
                     {"rate_wpm", made->rate_wpm},
                     {"seed", made->seed},
                     {"seconds", made->length_s()}});
    if (progress) progress(i + 1, specs.size());
  }
  json families = json::object();
  for (const auto& f : all_families()) families[f.name] = {{"folder", f.folder}, {"what", f.what}};
  return write_json(fs::path(folder) / "index.json", {{"format", "hocket-duplex"},
                                                      {"rate_hz", rate_hz},
                                                      {"seed", seed},
                                                      {"families", families},
                                                      {"items", items}});
}

}  // namespace hocket::duplex
