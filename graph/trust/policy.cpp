#include "graph/trust/policy.hpp"
#include "graph/trust/audit.hpp"
#include "graph/trust/secret.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

namespace hocket::trust {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> names = {"own",  "downloaded", "recorded",
                                                   "peer", "tenant",     "adapter"};

/// Who is meant, in a sentence.
std::string_view subject(level who) {
  switch (who) {
    case level::own: return "this graph";
    case level::downloaded: return "a graph from elsewhere";
    case level::recorded: return "the graph of a recording";
    case level::peer: return "another host";
    case level::tenant: return "a caller";
    case level::adapter: return "a stranger's adapter";
  }
  return "this";
}

std::string_view remedy(level who) {
  switch (who) {
    case level::own: return "--allow FILE says what may be done here";
    case level::recorded: return "--trust gives it what a file of your own may do";
    case level::peer: return "this host's operator allows it with `peer:` in --allow FILE";
    default: return "the operator allows it in --allow FILE";
  }
}

tl::unexpected<error> refused(const policy& p, std::string_view verb, std::string_view what) {
  note_refusal({subject(p.who), verb, what});
  return fail("trust.refused",
              fmt::format("{} may not {} `{}`; {}", subject(p.who), verb, what, remedy(p.who)));
}

result<void> check(const policy& p, const std::vector<std::string>& allowed, std::string_view verb,
                   std::string_view what) {
  if (matches(what, allowed)) return {};
  return refused(p, verb, what);
}

/// With every link resolved as far as the path exists.
fs::path real(const std::string& path) {
  std::error_code failed;
  const auto whole = fs::weakly_canonical(path, failed);
  return failed ? fs::path() : whole;
}

bool is_beneath(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

std::string_view to_string(level l) { return names[static_cast<std::size_t>(l)]; }

std::optional<level> level_named(std::string_view name) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) return {};
  return static_cast<level>(it - names.begin());
}

const std::vector<std::string>& pure_elements() {
  static const std::vector<std::string> all = {"audiotestsrc",
                                               "videotestsrc",
                                               "audioconvert",
                                               "audioresample",
                                               "audiorate",
                                               "audiomixer",
                                               "audiodynamic",
                                               "audiopanorama",
                                               "audioecho",
                                               "audiocheblimit",
                                               "audiowsinclimit",
                                               "audioiirfilter",
                                               "audiofirfilter",
                                               "adder",
                                               "volume",
                                               "level",
                                               "spectrum",
                                               "equalizer-*",
                                               "videoconvert",
                                               "videoscale",
                                               "videorate",
                                               "videocrop",
                                               "videoflip",
                                               "videobox",
                                               "aspectratiocrop",
                                               "queue",
                                               "queue2",
                                               "multiqueue",
                                               "tee",
                                               "identity",
                                               "capsfilter",
                                               "valve",
                                               "fakesrc",
                                               "fakesink",
                                               "appsrc",
                                               "appsink",
                                               "clocksync",
                                               "typefind",
                                               "interleave",
                                               "deinterleave",
                                               "decodebin",
                                               "decodebin3",
                                               "parsebin",
                                               "wavparse",
                                               "wavenc",
                                               "flacparse",
                                               "flacdec",
                                               "flacenc",
                                               "mpegaudioparse",
                                               "mpg123audiodec",
                                               "oggdemux",
                                               "oggmux",
                                               "oggparse",
                                               "vorbisdec",
                                               "vorbisenc",
                                               "vorbisparse",
                                               "opusdec",
                                               "opusenc",
                                               "opusparse",
                                               "matroskademux",
                                               "matroskamux",
                                               "webmmux",
                                               "qtdemux",
                                               "avidemux",
                                               "aiffparse",
                                               "auparse",
                                               "id3demux",
                                               "apedemux",
                                               "aacparse",
                                               "faad",
                                               "ac3parse",
                                               "rawaudioparse",
                                               "rawvideoparse",
                                               "theoradec",
                                               "theoraparse",
                                               "vp8dec",
                                               "vp9dec",
                                               "h264parse",
                                               "h265parse",
                                               "openh264dec",
                                               "mpegvideoparse",
                                               "jpegdec",
                                               "pngdec",
                                               "jpegenc",
                                               "pngenc",
                                               "mulawdec",
                                               "mulawenc",
                                               "alawdec",
                                               "alawenc",
                                               "pipeline",
                                               "bin",
                                               "tsdemux",
                                               "tsparse",
                                               "mpegpsdemux",
                                               "flvdemux",
                                               "wavpackparse",
                                               "wavpackdec",
                                               "speexdec",
                                               "y4mdec",
                                               "av1parse",
                                               "av1dec",
                                               "dav1ddec",
                                               "vp8parse",
                                               "vp9parse",
                                               "h263parse",
                                               "icydemux",
                                               "amrnbdec",
                                               "amrwbdec",
                                               "sbcparse",
                                               "sbcdec",
                                               "subparse"};
  return all;
}

policy default_policy(level who) {
  policy p;
  p.who = who;
  p.components = {"*"};
  if (who == level::own) {
    p.elements = p.folders = p.addresses = p.environment = {"*"};
    return p;
  }
  p.elements = pure_elements();
  return p;
}

bool matches(std::string_view name, const std::vector<std::string>& patterns) {
  const std::string text(name);
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
  });
}

result<void> may_use_component(const policy& p, std::string_view type) {
  return check(p, p.components, "use the component", type);
}

result<void> may_use_element(const policy& p, std::string_view element) {
  return check(p, p.elements, "use the GStreamer element", element);
}

// Whoever is let see a value (a key of a server, a variable that a program gets) may say it by mistake,
// and so may who answers him: from here on nothing of this process prints it.
result<void> may_see_variable(const policy& p, std::string_view name) {
  HOCKET_TRY(check(p, p.environment, "read the environment variable", name));
  const std::string key(name);
  if (const char* value = std::getenv(key.c_str())) note_secret(key, value);
  return {};
}

result<void> may_reach(const policy& p, std::string_view address) {
  for (const auto& a : p.addresses)
    if (address.starts_with(a) || matches(address, {a})) return {};
  return refused(p, "reach", address);
}

result<void> may_read(const policy& p, const std::string& path) {
  if (matches("*", p.folders) || path.empty()) return {};
  const auto wanted = real(path);
  for (const auto& folder : p.folders)
    if (const auto place = real(folder); !wanted.empty() && is_beneath(wanted, place)) return {};
  return refused(p, "read", path);
}

result<void> may_load(const policy& p, const std::string& plugin) {
  for (const auto& allowed : p.plugins) {
    std::error_code failed;
    if (allowed == "*" || fs::equivalent(allowed, plugin, failed)) return {};
  }
  return fail("trust.refused",
              fmt::format("{} may not load the plugin `{}`: it would run as you do; if you know "
                          "what it is, name it yourself: --plugin {}",
                          subject(p.who), plugin, plugin));
}

std::vector<std::string> elements_of(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  char quote = 0;
  bool plain = true;  // nothing in the word that no element's name has
  const auto end_word = [&] {
    if (!word.empty() && plain) out.push_back(word);
    word.clear();
    plain = true;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\') ++i;
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '"' || c == '\'') {
      // A quote alone may hold a name; one behind `=` holds a value.
      if (word.empty()) continue;
      quote = c;
    } else if (c == '!' || c == '(' || c == ')' || c == ';' || c == ' ' || c == '\t' || c == '\n' ||
               c == '\r') {
      end_word();
    } else {
      const bool of_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-';
      plain = plain && (of_name || c == '\\');
      if (c != '\\') word += c;
    }
  }
  end_word();
  return out;
}

result<void> may_run_pipeline(const policy& p, std::string_view description) {
  if (matches("*", p.elements)) return {};
  for (const auto& element : elements_of(description)) HOCKET_TRY(may_use_element(p, element));
  return {};
}

}  // namespace hocket::trust
