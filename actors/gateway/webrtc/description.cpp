#include "actors/gateway/webrtc/description.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace hocket::gateway::webrtc {
namespace {

constexpr std::size_t most_bytes = 64 * 1024, most_lines = 2'000, most_media = 16,
                      most_candidates = 32;
/// Of one message over a data channel: GStreamer 1.22 hands longer ones over in pieces, without saying so.
constexpr std::int64_t takes_bytes = 64 * 1024;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> those) {
  return std::find(those.begin(), those.end(), text) != those.end();
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number out = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (wrong != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return out;
}

/// Cuts the text up to `at` off the front of `from`, and `at` itself.
std::string_view cut(std::string_view& from, char at) {
  const auto out = from.substr(0, from.find(at));
  from.remove_prefix(std::min(from.size(), out.size() + 1));
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool all_of(std::string_view text, std::size_t least, std::size_t most,
            std::string_view also_these) {
  return text.size() >= least && text.size() <= most &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alnum(c) || also_these.find(c) != also_these.npos; });
}

/// `sha-256 AB:CD:…`, with as many bytes as the hash has.
bool is_fingerprint(std::string_view text) {
  const auto hash = lower(cut(text, ' '));
  const std::size_t bytes = hash == "sha-256"   ? 32
                            : hash == "sha-384" ? 48
                            : hash == "sha-512" ? 64
                                                : 0;
  if (bytes == 0 || text.size() != bytes * 3 - 1) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (i % 3 == 2 ? c != ':' : !is_hex) return false;
  }
  return true;
}

/// `candidate:FOUNDATION COMPONENT UDP PRIORITY ADDRESS PORT typ …`, of an address.
bool is_udp_candidate(std::string_view text) {
  if (!all_of(text, 1, 256, " :.+-/")) return false;
  std::string_view words[8];
  for (auto& w : words) w = cut(text, ' ');
  const auto is_part_of_address = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' ||
           c == ':';
  };
  return words[0].starts_with("candidate:") && words[1] == "1" && lower(words[2]) == "udp" &&
         words[6] == "typ" && number_of<std::uint16_t>(words[5]) && !words[4].empty() &&
         std::all_of(words[4].begin(), words[4].end(), is_part_of_address);
}

/// A part as it is read: what it says itself, before the whole's values fill what it leaves out.
struct part {
  medium m;
  std::string protocol;
  std::vector<std::string> formats;
  bool is_refused = false, is_bundle_only = false;
  std::string ufrag, pwd, fingerprint, setup, cname;
  std::uint32_t ssrc = 0;  ///< the first that is told
};

class reader {
 public:
  result<description> read(std::string_view text) {
    if (text.size() > most_bytes) return wrong("is longer than 64 KiB");
    if (text.empty()) return wrong("is empty");
    while (!text.empty()) {
      if (++line_ > most_lines) return wrong("has more than 2000 lines");
      auto line = cut(text, '\n');
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (line.empty()) continue;
      HOCKET_TRY(take(line));
    }
    return whole();
  }

 private:
  tl::unexpected<error> wrong(std::string_view what) const {
    return fail("gateway.bad_sdp", fmt::format("line {} of the SDP {}", line_, what));
  }

  result<void> take(std::string_view line) {
    for (const char c : line)
      if (static_cast<unsigned char>(c) < 0x20 && c != '\t')
        return wrong("holds a control character");
    if (line.size() < 2 || line[1] != '=') return wrong("is no `x=value`");
    const auto value = line.substr(2);
    if (line_ == 1 && line != "v=0") return wrong("is not `v=0`");
    if (line[0] == 'm') return begin(value);
    if (line[0] == 'a') return attribute(value);
    return {};  // names, times, addresses: nothing that we use
  }

  result<void> begin(std::string_view value) {
    if (parts_.size() == most_media) return wrong("begins a 17th part");
    part p;
    p.m.first_line = value;
    const std::string kind(cut(value, ' '));
    const auto port = number_of<int>(cut(value, ' ').substr(0, 5));
    p.protocol = cut(value, ' ');
    while (!value.empty()) p.formats.emplace_back(cut(value, ' '));
    if (!port || !all_of(kind, 1, 32, "-") || !all_of(p.protocol, 1, 64, "/") ||
        p.formats.empty() || !all_of(p.m.first_line, 1, 1'000, " /-"))
      return wrong("is no part (`m=KIND PORT PROTOCOL FORMAT…`)");
    p.is_refused = *port == 0;
    if (kind == "audio" && p.protocol.find("RTP/SAVP") != p.protocol.npos)
      p.m.of = medium::kind::sound;
    if (kind == "video" && p.protocol.find("RTP/SAVP") != p.protocol.npos)
      p.m.of = medium::kind::pictures;
    if (kind == "application" && p.protocol.ends_with("DTLS/SCTP") &&
        p.formats[0] == "webrtc-datachannel")
      p.m.of = medium::kind::data;
    parts_.push_back(std::move(p));
    return {};
  }

  result<void> attribute(std::string_view value) {
    const auto whole_value = value;
    const auto name = cut(value, ':');
    auto& at = parts_.empty() ? session_ : parts_.back();
    if (name == "ice-ufrag") return keep(at.ufrag, value, all_of(value, 4, 256, "+/"));
    if (name == "ice-pwd") return keep(at.pwd, value, all_of(value, 22, 256, "+/"));
    if (name == "fingerprint") {
      // More than one may be given; the first that we can check is the one that is checked.
      if (at.fingerprint.empty() && is_fingerprint(value)) at.fingerprint = value;
      return {};
    }
    if (name == "setup")
      return keep(at.setup, value, is_one_of(value, {"actpass", "active", "passive"}));
    if (is_one_of(whole_value, {"sendrecv", "sendonly", "recvonly", "inactive"}))
      at.m.direction = whole_value;
    if (whole_value == "bundle-only") at.is_bundle_only = true;
    if (name == "candidate" && out_.candidates.size() < most_candidates &&
        is_udp_candidate(whole_value))
      out_.candidates.emplace_back(whole_value);
    if (name == "ssrc" && at.ssrc == 0) {
      at.ssrc = number_of<std::uint32_t>(cut(value, ' ')).value_or(0);
      if (value.starts_with("cname:") && all_of(value.substr(6), 1, 256, "+/-_.@{}"))
        at.cname = value.substr(6);
    }
    return parts_.empty() ? result<void>() : of_part(name, value);
  }

  result<void> of_part(std::string_view name, std::string_view value) {
    auto& p = parts_.back();
    if (name == "mid") return keep(p.m.mid, value, all_of(value, 1, 32, "-_.!#$%&'*+^`{|}~"));
    if (name == "sctp-port" && p.m.of == medium::kind::data) {
      const auto port = number_of<int>(value);
      if (!port || *port < 1 || *port > 65'535) return wrong("is no port of SCTP");
      p.m.sctp_port = *port;
    }
    if (name == "max-message-size" && p.m.of == medium::kind::data) {
      const auto bytes = number_of<std::int64_t>(value);
      if (!bytes || *bytes < 0) return wrong("is no size of a message");
      p.m.message_bytes = std::min<std::int64_t>(*bytes, 1 << 30);  // GStreamer reads an int
    }
    if (name == "rtpmap") read_format(p, value);
    return {};
  }

  static void read_format(part& p, std::string_view value) {
    const auto format = cut(value, ' ');
    const auto number = number_of<int>(format);
    if (!number || *number < 0 || *number > 127 ||
        std::find(p.formats.begin(), p.formats.end(), format) == p.formats.end())
      return;
    const auto name = lower(value);
    if (p.m.of == medium::kind::sound && p.m.opus == 0 &&
        is_one_of(name, {"opus/48000/2", "opus/48000"}))
      p.m.opus = *number;
    if (p.m.of == medium::kind::pictures && p.m.vp8 == 0 && name == "vp8/90000") p.m.vp8 = *number;
  }

  result<void> keep(std::string& to, std::string_view value, bool is_good) {
    if (!is_good) return wrong("has a value that is none of its kind");
    to = value;
    return {};
  }

  result<description> whole() {
    bool has_sound = false, has_data = false, has_pictures = false;
    std::set<std::string> mids;
    for (auto& p : parts_) {
      if (!p.m.mid.empty() && !mids.insert(p.m.mid).second)
        return fail("gateway.bad_sdp", "two parts of the SDP have the same `a=mid`");
      const bool is_out = (p.is_refused && !p.is_bundle_only) || p.m.mid.empty();
      if (p.m.of == medium::kind::sound && (has_sound || is_out || p.m.opus == 0))
        p.m.of = medium::kind::other;
      if (p.m.of == medium::kind::data && (has_data || is_out)) p.m.of = medium::kind::other;
      if (p.m.of == medium::kind::pictures && (has_pictures || is_out || p.m.vp8 == 0))
        p.m.of = medium::kind::other;
      if (p.m.of == medium::kind::sound) out_.ssrc = p.ssrc, out_.cname = p.cname;
      if (p.m.of == medium::kind::pictures) out_.pictures_ssrc = p.ssrc;
      has_pictures = has_pictures || p.m.of == medium::kind::pictures;
      has_sound = has_sound || p.m.of == medium::kind::sound;
      has_data = has_data || p.m.of == medium::kind::data;
      out_.media.push_back(p.m);
      if (p.m.of != medium::kind::other && out_.ice_ufrag.empty()) HOCKET_TRY(transport(p));
    }
    if (!has_sound && !has_data)
      return fail("gateway.no_media",
                  "the SDP has neither sound in Opus nor data channels (`a=mid` belongs to each)");
    return std::move(out_);
  }

  /// One transport serves all: that of the first part that is served.
  result<void> transport(const part& p) {
    const auto either = [](const std::string& a, const std::string& b) {
      return a.empty() ? b : a;
    };
    out_.ice_ufrag = either(p.ufrag, session_.ufrag);
    out_.ice_pwd = either(p.pwd, session_.pwd);
    out_.fingerprint = either(p.fingerprint, session_.fingerprint);
    out_.setup = either(either(p.setup, session_.setup), "actpass");
    if (out_.ice_ufrag.empty() || out_.ice_pwd.empty())
      return fail("gateway.bad_sdp", "the SDP has no `a=ice-ufrag` and `a=ice-pwd`");
    if (out_.fingerprint.empty())
      return fail("gateway.bad_sdp",
                  "the SDP has no `a=fingerprint` of SHA-256, SHA-384 or SHA-512");
    return {};
  }

  description out_;
  part session_;
  std::vector<part> parts_;
  std::size_t line_ = 0;
};

/// `video 9 UDP/TLS/RTP/SAVPF 96 97`, refused: port 0.
std::string refused_line(std::string_view first_line) {
  const auto kind = cut(first_line, ' ');
  cut(first_line, ' ');
  return fmt::format("m={} 0 {}\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n", kind, first_line);
}

std::string sound_lines(const description& d, const medium& m) {
  auto out = fmt::format(
      "a={}\r\na=rtcp-mux\r\na=rtpmap:{} opus/48000/2\r\na=fmtp:{} minptime=10;useinbandfec=1\r\n",
      m.direction, m.opus, m.opus);
  if (!d.stream.empty()) out += fmt::format("a=msid:{} {}\r\n", d.stream, d.track);
  if (d.ssrc == 0) return out;
  out +=
      fmt::format("a=ssrc:{} cname:{}\r\n", d.ssrc, d.cname.empty() ? "hocket" : d.cname.c_str());
  if (!d.stream.empty()) out += fmt::format("a=ssrc:{} msid:{} {}\r\n", d.ssrc, d.stream, d.track);
  return out;
}

/// A picture that is lost is asked for anew (`nack pli`); nothing else of what repairs streams is spoken.
std::string pictures_lines(const description& d, const medium& m) {
  auto out = fmt::format("a={}\r\na=rtcp-mux\r\na=rtpmap:{} VP8/90000\r\na=rtcp-fb:{} nack pli\r\n",
                         m.direction, m.vp8, m.vp8);
  if (d.pictures_ssrc != 0) out += fmt::format("a=ssrc:{} cname:hocket\r\n", d.pictures_ssrc);
  return out;
}

std::string first_line_of(const medium& m) {
  if (m.of == medium::kind::sound) return fmt::format("m=audio 9 UDP/TLS/RTP/SAVPF {}\r\n", m.opus);
  if (m.of == medium::kind::pictures)
    return fmt::format("m=video 9 UDP/TLS/RTP/SAVPF {}\r\n", m.vp8);
  return "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
}

std::string own_lines_of(const description& d, const medium& m) {
  if (m.of == medium::kind::sound) return sound_lines(d, m);
  if (m.of == medium::kind::pictures) return pictures_lines(d, m);
  return fmt::format("a=sctp-port:{}\r\na=max-message-size:{}\r\n", m.sctp_port, m.message_bytes);
}

}  // namespace

const medium* description::find(medium::kind k) const {
  const auto found =
      std::find_if(media.begin(), media.end(), [k](const medium& m) { return m.of == k; });
  return found == media.end() ? nullptr : &*found;
}

result<description> read_description(std::string_view text) { return reader().read(text); }

std::string text_of(const description& d, std::uint64_t id) {
  auto out = fmt::format("v=0\r\no=- {} 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE", id);
  for (const auto& m : d.media)
    if (m.of != medium::kind::other) out += " " + m.mid;
  out += "\r\n";
  if (!d.stream.empty()) out += fmt::format("a=msid-semantic: WMS {}\r\n", d.stream);
  bool is_first = true;
  for (const auto& m : d.media) {
    if (m.of == medium::kind::other) {
      out += refused_line(m.first_line);
      if (!m.mid.empty()) out += fmt::format("a=mid:{}\r\n", m.mid);
      continue;
    }
    out += first_line_of(m);
    out += fmt::format(
        "c=IN IP4 0.0.0.0\r\na=mid:{}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{}\r\n"
        "a=setup:{}\r\n",
        m.mid, d.ice_ufrag, d.ice_pwd, d.fingerprint, d.setup);
    out += own_lines_of(d, m);
    // In a bundle those of the first part are those of all.
    if (std::exchange(is_first, false) && !d.candidates.empty()) {
      for (const auto& c : d.candidates) out += fmt::format("a={}\r\n", c);
      out += "a=end-of-candidates\r\n";
    }
  }
  return out;
}

result<description> answer_to(const description& offer, const description& ours) {
  description out = ours;
  out.media = offer.media;
  out.pictures_ssrc = 0;  // it shows none
  out.stream = "hocket";
  out.track = "voice";
  if (out.setup == "actpass") return fail("gateway.bad_sdp", "an answer decides who begins");
  for (auto& m : out.media) {
    if (m.of == medium::kind::other) continue;
    const auto* mine = ours.find(m.of);
    if (mine == nullptr && m.of == medium::kind::pictures) {
      m.of = medium::kind::other;
      continue;
    }
    if (mine == nullptr) return fail("gateway.bad_sdp", "a part was not answered");
    m.direction = mine->direction;
    m.sctp_port = mine->sctp_port;
    m.message_bytes = takes_bytes;
  }
  const auto* sound = out.find(medium::kind::sound);
  if (sound == nullptr || sound->direction == "recvonly" || sound->direction == "inactive")
    out.stream.clear();
  return out;
}

}  // namespace hocket::gateway::webrtc
