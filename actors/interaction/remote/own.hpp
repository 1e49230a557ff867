#pragma once

#include "actors/interaction/remote/machine.hpp"

namespace hocket::remote {

/// Hocket's own protocol, the client's side: another graph's model, with resumption where it was heard.
class own final : public machine {
 public:
  using machine::machine;

  place where(const std::string& base, const std::string& key) const override;
  bool is_continuous() const override { return true; }
  void begin(std::int64_t now_ms, output& out) override;
  void hear(std::span<const float> samples, output& out) override;
  void type(const std::string& text, output& out) override;
  void cut(const std::string& item, std::int64_t heard_ms, output& out) override;
  void end(output& out) override;

 protected:
  void take(const json& e, std::int64_t now_ms, output& out) override;
  void send_result(const std::string& id, const std::string& text, output& out) override;

 private:
  json start() const;
  void take_voice(const json& e, output& out);

  std::string resume_key_;
  std::int64_t seen_ = 0, voice_end_ms_ = -1;
};

}  // namespace hocket::remote
