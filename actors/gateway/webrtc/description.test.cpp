#include "actors/gateway/webrtc/description.hpp"

#include <doctest/doctest.h>

#include "actors/gateway/webrtc/form.hpp"

using namespace hocket::gateway::webrtc;

namespace {

const std::string print =
    "sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:"
    "CC:DD:EE:FF";

/// As Chromium writes it for a microphone, a camera and a channel, but for what is left out anyway.
std::string offer_of_browser() {
  const std::string transport =
      "c=IN IP4 0.0.0.0\r\na=ice-ufrag:uF+/\r\na=ice-pwd:" + std::string(24, 'p') +
      "\r\na=ice-options:trickle\r\n" + "a=fingerprint:" + print + "\r\na=setup:actpass\r\n";
  return "v=0\r\no=- 4611 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n"
         "a=extmap-allow-mixed\r\na=msid-semantic: WMS theirs\r\n"
         "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8\r\n" +
         transport +
         "a=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\n"
         "a=msid:theirs track\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
         "a=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
         "a=rtpmap:63 red/48000/2\r\na=ssrc:77 cname:abc\r\n"
         "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n" +
         transport +
         "a=mid:1\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n"
         "a=rtcp-fb:96 goog-remb\r\na=ssrc-group:FID 78 79\r\na=ssrc:78 cname:abc\r\n"
         "a=ssrc:79 cname:abc\r\n"
         "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" +
         transport + "a=mid:2\r\na=sctp-port:5001\r\na=max-message-size:262144\r\n";
}

std::string without(std::string text, const std::string& part) {
  for (auto at = text.find(part); at != text.npos; at = text.find(part))
    text.erase(at, part.size());
  return text;
}

}  // namespace

TEST_CASE("an offer is read as far as it is used; what else it says goes no further") {
  const auto d = read_description(offer_of_browser());
  REQUIRE(d);
  REQUIRE(d->media.size() == 3);
  CHECK(d->media[0].of == medium::kind::sound);
  CHECK(d->media[0].opus == 111);
  CHECK(d->media[0].mid == "0");
  CHECK(d->media[1].of == medium::kind::pictures);
  CHECK(d->media[1].vp8 == 96);
  CHECK(d->pictures_ssrc == 78);
  CHECK(d->media[2].of == medium::kind::data);
  CHECK(d->media[2].sctp_port == 5001);
  CHECK(d->media[2].message_bytes == 262'144);
  CHECK(d->ice_ufrag == "uF+/");
  CHECK(d->fingerprint == print);
  CHECK(d->setup == "actpass");
  CHECK(d->candidates.empty());
  const auto again = text_of(*d, 1);
  for (const char* gone :
       {"extmap", "red/", "transport-cc", "theirs", "rtx", "goog", "FID", "trickle"})
    CHECK_MESSAGE(again.find(gone) == again.npos, gone);
  // An SSRC is that of the part that is used, not of one that is refused.
  auto two = offer_of_browser();
  two.insert(
      two.find("m=video"),
      "m=video 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:7\r\na=rtpmap:98 H264/90000\r\n"
      "a=ssrc:70 cname:abc\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:8\r\na=ssrc:71 cname:x\r\n");
  const auto used = read_description(two);
  REQUIRE(used);
  CHECK(used->ssrc == 77);
  CHECK(used->pictures_ssrc == 78);
  auto huge = offer_of_browser();
  huge.replace(huge.find("size:262144"), 11, "size:4294967297");
  CHECK(read_description(huge)->find(medium::kind::data)->message_bytes == 1 << 30);
  // With LF alone it is the same, and what we write is read as what it was.
  CHECK(read_description(without(offer_of_browser(), "\r"))->media == d->media);
  const auto back = read_description(again);
  REQUIRE(back);
  CHECK(back->media[0] == [&] {
    auto m = d->media[0];
    m.first_line = back->media[0].first_line;
    return m;
  }());
}

TEST_CASE("an answer: every part in the offer's order, a stream of our own, our candidates") {
  const auto offer = read_description(offer_of_browser());
  REQUIRE(offer);
  description ours;
  ours.ice_ufrag = "mine";
  ours.ice_pwd = std::string(22, 'q');
  ours.fingerprint = print;
  ours.setup = "active";
  ours.ssrc = 4711;
  ours.cname = "us";
  ours.candidates = {"candidate:1 1 UDP 2015363327 127.0.0.1 40000 typ host"};
  ours.media = {offer->media[0], offer->media[2]};
  const auto a = answer_to(*offer, ours);
  REQUIRE(a);
  const auto text = text_of(*a, 5);
  CHECK(text.starts_with("v=0\r\no=- 5 2 IN IP4 0.0.0.0\r\n"));
  CHECK(text.find("a=group:BUNDLE 0 2\r\n") != text.npos);
  CHECK(text.find("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n") != text.npos);
  CHECK(text.find("m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\n") != text.npos);
  CHECK(text.find("a=msid:hocket voice\r\n") != text.npos);
  CHECK(text.find("a=ssrc:4711 cname:us\r\n") != text.npos);
  CHECK(text.find("a=setup:active\r\n") != text.npos);
  CHECK(text.find("a=max-message-size:65536\r\n") != text.npos);
  const auto candidate = text.find("a=candidate:1 1 UDP 2015363327 127.0.0.1 40000 typ host\r\n");
  CHECK(candidate != text.npos);
  CHECK(text.find("a=end-of-candidates\r\n", candidate) != text.npos);
  CHECK(text.find("m=video") < text.find("m=application"));
  // Whoever takes the pictures asks for those that are lost, and shows none itself.
  ours.media.push_back(offer->media[1]);
  ours.media.back().direction = "recvonly";
  ours.pictures_ssrc = 5;
  const auto seen = text_of(*answer_to(*offer, ours), 5);
  CHECK(seen.find("a=group:BUNDLE 0 1 2\r\n") != seen.npos);
  CHECK(seen.find("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n") != seen.npos);
  CHECK(
      seen.find("a=recvonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n") !=
      seen.npos);
  CHECK(seen.find("a=ssrc:5 ") == seen.npos);
  ours.media.pop_back();
  // Who only speaks is promised no voice.
  ours.media[0].direction = "recvonly";
  CHECK(text_of(*answer_to(*offer, ours), 5).find("msid") == std::string::npos);
  ours.media.pop_back();
  CHECK(answer_to(*offer, ours).error().code == "gateway.bad_sdp");
}

TEST_CASE("what is no offer is refused, and told where") {
  const auto offer = offer_of_browser();
  const auto code_of = [](const std::string& text) {
    const auto d = read_description(text);
    return d ? "taken" : d.error().code;
  };
  CHECK(code_of(offer) == "taken");
  CHECK(code_of("") == "gateway.bad_sdp");
  CHECK(code_of("hello") == "gateway.bad_sdp");
  CHECK(code_of(std::string(70'000, 'a')) == "gateway.bad_sdp");
  CHECK(code_of("v=0\r\ns=a\x01z\r\n") == "gateway.bad_sdp");
  CHECK(code_of(without(offer, "v=0\r\n")) == "gateway.bad_sdp");
  CHECK(code_of(without(offer, "a=fingerprint:" + print + "\r\n")) == "gateway.bad_sdp");
  CHECK(code_of(without(offer, "a=ice-ufrag:uF+/\r\n")) == "gateway.bad_sdp");
  CHECK(code_of(without(offer, "p\r\na=ice-options")) == "gateway.bad_sdp");
  CHECK(code_of("v=0\r\na=setup:both\r\n") == "gateway.bad_sdp");
  CHECK(code_of("v=0\r\nm=audio x RTP 0\r\n") == "gateway.bad_sdp");
  auto twice = offer;  // which of them a channel or a sound is of cannot be told
  twice.replace(twice.find("a=mid:2"), 7, "a=mid:0");
  CHECK(code_of(twice) == "gateway.bad_sdp");
  std::string many = "v=0\r\n";
  for (int i = 0; i < 17; ++i) many += "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
  CHECK(code_of(many) == "gateway.bad_sdp");
  // Sound in another format, and no channel: nothing to talk with.
  const auto other = without(without(offer, "opus"), "webrtc-datachannel");
  CHECK(code_of(other) == "gateway.bad_sdp");  // a part without a format
  const auto video =
      offer.substr(0, offer.find("m=audio")) +
      offer.substr(offer.find("m=video"), offer.find("m=application") - offer.find("m=video"));
  CHECK(code_of(video) == "gateway.no_media");
  CHECK(read_description("v=0\r\ns=a\r\nhello").error().message ==
        "line 3 of the SDP is no `x=value`");
}

TEST_CASE("candidates: of an address over UDP, not of a name, and not many") {
  auto offer = offer_of_browser();
  const auto with = [&](const std::string& line) {
    return read_description(offer + "a=" + line + "\r\n")->candidates.size();
  };
  CHECK(with("candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host generation 0") == 1);
  CHECK(with("candidate:1 1 UDP 2113937151 2001:db8::1 50000 typ host") == 1);
  CHECK(with("candidate:1 1 udp 2113937151 4e6a.local 50000 typ host") == 0);
  CHECK(with("candidate:1 1 udp 2113937151 internal.example.org 50000 typ host") == 0);
  CHECK(with("candidate:1 1 tcp 2113937151 192.0.2.1 9 typ host tcptype active") == 0);
  CHECK(with("candidate:1 1 udp 2113937151 192.0.2.1 500000 typ host") == 0);
  for (int i = 0; i < 100; ++i)
    offer += "a=candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host\r\n";
  CHECK(read_description(offer)->candidates.size() == 32);
}

TEST_CASE("a form as browsers and as Python send it") {
  const std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"sdp\"\r\n\r\nv=0\r\ns=-\r\n\r\n--b\r\n"
      "content-disposition: form-data; filename=\"x;name=y\"; name=session\r\n"
      "Content-Type: application/json\r\n\r\n{}\r\n--b--\r\n";
  const auto form = read_form("multipart/form-data; boundary=b", body);
  REQUIRE(form);
  CHECK(form->at("sdp") == "v=0\r\ns=-\r\n");
  CHECK(form->at("session") == "{}");
  CHECK(read_form("multipart/form-data; charset=x; boundary=\"b\"", body).has_value());
  const auto refuses = [](const std::string& type, const std::string& text) {
    const auto f = read_form(type, text);
    return !f && f.error().code == "gateway.bad_form";
  };
  CHECK(refuses("multipart/form-data", body));
  CHECK(refuses("multipart/form-data; boundary=c", body));
  CHECK(refuses("multipart/form-data; boundary=", body));
  for (std::size_t n = 0; n + 4 < body.size(); ++n)
    CHECK(refuses("multipart/form-data; boundary=b", body.substr(0, n)));
  CHECK(refuses("multipart/form-data; boundary=b", "--b\r\n\r\n\r\nx\r\n--b--"));
  std::string many;
  for (int i = 0; i < 17; ++i)
    many += "--b\r\nContent-Disposition: form-data; name=\"" + std::to_string(i) + "\"\r\n\r\n\r\n";
  CHECK(refuses("multipart/form-data; boundary=b", many + "--b--"));
}
