#pragma once

#include "actors/interaction/remote/machine.hpp"

namespace hocket::remote {

/// OpenAI Realtime (GA), the client's side; with `is_duplex` the dialect of vLLM-Omni, which adds 16 kHz,
/// resumption with a token and acknowledged playback.
class realtime final : public machine {
 public:
  realtime(settings s, bool is_duplex) : machine(std::move(s)), is_duplex_(is_duplex) {}

  place where(const std::string& base, const std::string& key) const override;
  bool is_continuous() const override { return false; }
  void begin(std::int64_t now_ms, output& out) override;
  void lost() override;
  void hear(std::span<const float> samples, output& out) override;
  void type(const std::string& text, output& out) override;
  void cut(const std::string& item, std::int64_t heard_ms, output& out) override;
  void played(const std::string& item, std::int64_t heard_ms, output& out) override;
  void advance(std::int64_t now_ms, output& out) override;
  void end(output& out) override;

 protected:
  void take(const json& e, std::int64_t now_ms, output& out) override;
  void send_result(const std::string& id, const std::string& text, output& out) override;
  void send_as_words(const std::string& text, output& out) override;

 private:
  void configure(output& out);
  void take_words(const std::string& type, const json& e, output& out);
  void take_item(const json& item, output& out);
  void take_error(const json& e, output& out);
  void response_done(const json& e, output& out);
  void ask_for_answer(output& out);
  gateway::sound_format format() const;

  const bool is_duplex_;
  bool is_configured_ = false, asked_again_ = false, in_response_ = false, wants_answer_ = false;
  std::string response_, item_, cut_response_;
  std::string played_item_;
  std::int64_t played_ms_ = 0;
  std::string transcribed_item_;  ///< whose words came in pieces
  std::string resume_session_, resume_token_;
  std::int64_t seen_ = 0, acked_ms_ = 0, expires_ms_ = 0, heard_ms_ = 0;
};

}  // namespace hocket::remote
