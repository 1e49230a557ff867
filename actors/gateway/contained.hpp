#pragma once

#include <functional>
#include <memory>
#include <string>

#include "actors/gateway/protocol.hpp"

namespace hocket::gateway {

/// A protocol whose machine may have a fault that some client's message finds: where it throws, that
/// client is let go (1011) and nobody else, since a door serves all of them on one thread.
///
/// What the machine had put out in the call that threw is not sent; afterwards it is not asked any more.
class contained final : public protocol {
 public:
  /// `told`: the type of what was thrown, once. Its text may hold the client's words.
  contained(std::unique_ptr<protocol> machine, std::function<void(const std::string&)> told)
      : inner_(std::move(machine)), told_(std::move(told)) {}

  void begin(std::int64_t now_ms, output& out) override;
  void join(std::int64_t now_ms, output& out) override;
  void receive(std::string_view message, std::int64_t now_ms, output& out) override;
  void hear(std::vector<float> samples, std::int64_t now_ms, output& out) override;
  void on_graph(const graph_event& e, std::int64_t now_ms, output& out) override;
  void advance(std::int64_t now_ms, output& out) override;
  void end(std::string_view reason, std::int64_t now_ms, output& out) override;
  void break_off(std::string_view why, int code, std::int64_t now_ms, output& out) override;
  void let_go(std::string_view reason, std::int64_t now_ms, output& out) override;
  std::string resume_key() const override;
  std::string earlier_key() const override;
  bool has_goodbye() const override;
  void resume(std::string_view message, const next_line& by, std::int64_t now_ms,
              output& out) override;
  void cannot_resume(std::int64_t now_ms, output& out) override;

 private:
  template <class Call>
  void guard(output& out, const Call& call);

  std::unique_ptr<protocol> inner_;  ///< null once it has failed
  std::function<void(const std::string&)> told_;
};

}  // namespace hocket::gateway
