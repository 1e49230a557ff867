#include "actors/gateway/webrtc/description.hpp"
#include "actors/gateway/webrtc/form.hpp"
#include "actors/gateway/webrtc/sctp_streams.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a line with the Content-Type of a request for a call, then its body: a form with the field `sdp`,
// or an offer as it is. The whole is a packet of SCTP, too.
namespace hocket::fuzz {
namespace {

using namespace hocket::gateway::webrtc;

void offer(std::string_view text) {
  const auto d = read_description(text);
  if (!d) return;
  HOCKET_ASSERT(d->media.size() <= 16 && d->candidates.size() <= 32);
  // What GStreamer is given: nothing in it that we did not read, and read again it is the same.
  const auto written = text_of(*d, 1);
  const auto again = read_description(written);
  HOCKET_ASSERT(again.has_value());
  HOCKET_ASSERT(again->ice_ufrag == d->ice_ufrag && again->ice_pwd == d->ice_pwd);
  HOCKET_ASSERT(again->fingerprint == d->fingerprint && again->setup == d->setup);
  HOCKET_ASSERT(again->candidates == d->candidates);
  HOCKET_ASSERT(again->media.size() == d->media.size());
  for (std::size_t i = 0; i < d->media.size(); ++i) {
    HOCKET_ASSERT(again->media[i].of == d->media[i].of);
    if (d->media[i].of == medium::kind::other) continue;  // refused: nothing else of it is written
    HOCKET_ASSERT(again->media[i].opus == d->media[i].opus);
    HOCKET_ASSERT(again->media[i].message_bytes == d->media[i].message_bytes);
  }
  for (const char c : written) HOCKET_ASSERT(c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f));
  auto ours = *d;
  ours.setup = "active";
  const auto answer = answer_to(*d, ours);
  HOCKET_ASSERT(answer.has_value() && read_description(text_of(*answer, 2)).has_value());
}

void run(std::span<const std::uint8_t> bytes) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto end = std::min(all.find('\n'), all.size());
  const auto body = all.substr(std::min(end + 1, all.size()));
  offer(body);
  sctp_streams streams;
  HOCKET_ASSERT(streams.admits(bytes) == streams.admits(bytes));
  const auto form = read_form(all.substr(0, end), body);
  if (!form) return;
  HOCKET_ASSERT(form->size() <= 16);
  if (const auto sdp = form->find("sdp"); sdp != form->end()) offer(sdp->second);
}

std::vector<std::string> seeds() {
  return {"application/sdp\nv=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n",
          "multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; "
          "name=\"a\"\r\n\r\nx\r\n--b--\r\n"};
}

}  // namespace

extern const target call;
const target call = {"call", run, seeds};

}  // namespace hocket::fuzz
