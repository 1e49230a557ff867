#include <algorithm>

#include "graph/core/assert.hpp"
#include "graph/trust/sandbox/egress_request.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the size of the pieces in which it arrives (one byte; 0: all at once), then what a confined
// program says to its door: the head of a request, its body, and what it sends behind.
namespace hocket::fuzz {
namespace {

using namespace hocket::trust;

std::size_t taken(request_body body, std::string_view bytes, std::size_t step, bool& bad) {
  std::size_t n = 0;
  for (std::size_t at = 0; at < bytes.size() && !body.done() && !body.bad(); at += step)
    n += body.take(bytes.substr(at, step));
  bad = body.bad();
  return n;
}

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::string sent(bytes.begin() + 1, bytes.end());
  const auto end = std::min(sent.find("\r\n\r\n"), sent.size());
  const auto head = sent.substr(0, std::min(end + 4, sent.size()));
  const auto r = read_proxy_request(head);
  if (!r) return;
  HOCKET_ASSERT(!r->host.empty() && !r->port.empty());
  if (r->tunnel) return;
  // One request for one host, whose connection ends with it, however the head was written.
  HOCKET_ASSERT(r->head.find("\r\n\r\n") == r->head.size() - 4);
  HOCKET_ASSERT(r->head.find("\r\nConnection: close\r\n") != std::string::npos);
  HOCKET_ASSERT(std::count(r->head.begin(), r->head.end(), '\r') ==
                std::count(r->head.begin(), r->head.end(), '\n'));
  const auto rest = std::string_view(sent).substr(head.size());
  bool once = false, pieces = false;
  const auto whole = taken(r->body, rest, std::max<std::size_t>(rest.size(), 1), once);
  const auto split = taken(r->body, rest, std::max<std::size_t>(bytes[0], 1), pieces);
  HOCKET_ASSERT(whole == split && once == pieces && whole <= rest.size());
}

std::vector<std::string> seeds() {
  const std::string all(1, '\0');
  return {
      all + "CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
      all +
          "GET http://a.example:81/x?y HTTP/1.1\r\nHost: b\r\nConnection: x, close\r\nX: "
          "1\r\n\r\nGET http://b/ HTTP/1.1\r\n\r\n",
      "\x03POST http://a HTTP/1.0\r\nContent-Length: 3\r\n\r\nabcd",
      "\x02POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: "
      "u\r\n\r\nmore"};
}

}  // namespace

extern const target egress;
const target egress = {"egress", run, seeds};

}  // namespace hocket::fuzz
