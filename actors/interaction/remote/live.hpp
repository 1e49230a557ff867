#pragma once

#include "actors/interaction/remote/machine.hpp"

namespace hocket::remote {

/// OpenAI Live (full duplex with delegation), the client's side: delegations come to us, and what came of
/// them goes back as commentary.
class live final : public machine {
 public:
  using machine::machine;

  place where(const std::string& base, const std::string& key) const override;
  bool is_continuous() const override { return true; }
  void begin(std::int64_t now_ms, output& out) override;
  void hear(std::span<const float> samples, output& out) override;
  void type(const std::string& text, output& out) override;
  /// The model itself falls silent: the protocol has no word for it.
  void cut(const std::string&, std::int64_t, output&) override {}
  void end(output& out) override;

 protected:
  void take(const json& e, std::int64_t now_ms, output& out) override;
  void send_result(const std::string& id, const std::string& text, output& out) override;
  void send_as_words(const std::string& text, output& out) override;

 private:
  std::string newest_heard_;  ///< the task of a delegation that names none
  double seconds_told_ = 0;
};

}  // namespace hocket::remote
