// What clients show: decoded beside the actor, then given on at the pace of the clock.
#include <cctype>

#include "actors/gateway/door/client.hpp"
#include "actors/gateway/door/gateway.hpp"

namespace hocket::gateway {
namespace {

/// Whether a name of that kind, "door.pictures", stands in a graph file: as all of a word.
bool stands_in(std::string_view file, std::string_view name) {
  const auto is_of_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '/' ||
           c == '-';
  };
  for (auto at = file.find(name); at != file.npos; at = file.find(name, at + 1)) {
    const auto end = at + name.size();
    if ((at == 0 || !is_of_name(file[at - 1])) && (end == file.size() || !is_of_name(file[end])))
      return true;
  }
  return false;
}

}  // namespace

/// An input of the graph, as it is now, takes what clients show.
bool gateway::sees() const {
  if (context_.graph == nullptr) return true;  // a harness
  return stands_in(context_.graph->expanded_yaml(), context_.actor + ".pictures");
}

/// A client shows a picture. It may be told that it is none: only decoding tells.
void gateway::look_at(client& c, see_picture p) {
  const std::weak_ptr<client> whose = self_of(c);
  auto then = [this, whose](result<video_frame> read) {
    context_.self->run([this, whose, read = std::move(read)](emitter& out) {
      const auto who = whose.lock();
      if (!who || who->is_over) return;
      if (!read) {
        context_.count("bad_pictures", 1);
        return tell(*who, unseen_picture{read.error().message}, out);
      }
      context_.count("pictures", 1);
      who->shown = *read;
      who->shown_at = context_.time->now();
      show(*who, out);
    });
  };
  if (const auto lost = pictures_.show(&c, std::move(p.bytes), std::move(then)); lost > 0)
    context_.count("dropped_pictures", lost);
}

/// A call's camera shows the next picture, which GStreamer has decoded.
void gateway::look_at(connection& from, video_frame picture, emitter& out) {
  const auto who = from.who.lock();
  if (!who || who->is_over) return;
  context_.count("pictures", 1);
  who->shown = std::move(picture);
  who->shown_at = context_.time->now();
  show(*who, out);
}

/// A picture stands until a newer one comes, at most for `picture_ms`: a model sees in every micro-turn,
/// and few clients show more than one a second.
void gateway::show(client& c, emitter& out) {
  if (!c.shown || c.session == session_id::none || c.unanswered_since) return;
  const auto now = context_.time->now();
  if (now - c.shown_at > std::chrono::milliseconds(config_.picture_ms)) return c.shown.reset();
  const auto instant = static_cast<std::int64_t>(now.seconds() * config_.pictures_per_s + 1e-6);
  if (instant <= c.shown_instant) return;
  c.shown_instant = instant;
  out.for_session(c.session);
  out.emit(pictures_out, now, *c.shown);
}

}  // namespace hocket::gateway
