#pragma once

#include "actors/interaction/remote/machine.hpp"

namespace hocket::remote {

/// Gemini Live, the client's side, with resumption by handle.
class gemini final : public machine {
 public:
  using machine::machine;

  place where(const std::string& base, const std::string& key) const override;
  bool is_continuous() const override { return false; }
  void begin(std::int64_t now_ms, output& out) override;
  void lost() override;
  void hear(std::span<const float> samples, output& out) override;
  void type(const std::string& text, output& out) override;
  /// The server knows: it was the one who said so.
  void cut(const std::string&, std::int64_t, output&) override { is_cut_ = in_turn_; }

 protected:
  void take(const json& e, std::int64_t now_ms, output& out) override;
  void send_result(const std::string& id, const std::string& text, output& out) override;

 private:
  void take_content(const json& content, output& out);

  std::string handle_;  ///< with which another connection goes on
  bool asked_again_ = false, in_turn_ = false, is_cut_ = false;
  std::int64_t turn_ = 0, tokens_in_ = 0, tokens_out_ = 0;
};

}  // namespace hocket::remote
