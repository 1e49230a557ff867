#pragma once

#include <memory>

#include "actors/gateway/protocol.hpp"

namespace hocket::gateway::realtime {

/// The names that OpenAI Realtime had in its beta, for applications that still send
/// `OpenAI-Beta: realtime=v1`: a translation before and behind the machine of today's names.
///
/// Of the client: the flat session and response (`modalities`, `input_audio_format`, …). To the client:
/// `response.audio.delta`, `response.audio_transcript.delta`, `response.text.delta`,
/// `conversation.item.created`, `conversation.created`, content parts `audio` and `text`, the flat
/// session. `conversation.item.done` has no name there and is left out. `temperature` is taken and not
/// followed.
class beta final : public protocol {
 public:
  explicit beta(std::unique_ptr<protocol> of_today) : inner_(std::move(of_today)) {}

  void begin(std::int64_t now_ms, output& out) override;
  void join(std::int64_t now_ms, output& out) override;
  void receive(std::string_view message, std::int64_t now_ms, output& out) override;
  void hear(std::vector<float> samples, std::int64_t now_ms, output& out) override;
  void on_graph(const graph_event& e, std::int64_t now_ms, output& out) override;
  void advance(std::int64_t now_ms, output& out) override;
  void end(std::string_view reason, std::int64_t now_ms, output& out) override;
  void break_off(std::string_view why, int code, std::int64_t now_ms, output& out) override;
  void let_go(std::string_view reason, std::int64_t now_ms, output& out) override;
  std::string resume_key() const override { return inner_->resume_key(); }
  void resume(std::string_view message, const next_line& by, std::int64_t now_ms,
              output& out) override;

 private:
  /// What the machine of today says in `of_inner`, translated.
  template <class Step>
  void step(output& out, const Step& of_inner);
  /// Of `out` what came since it had `before` messages.
  void translate(std::size_t before, output& out) const;

  std::unique_ptr<protocol> inner_;
};

}  // namespace hocket::gateway::realtime
