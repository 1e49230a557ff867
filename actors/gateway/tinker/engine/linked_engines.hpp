// A trainer and a sampler that are actors of the graph, wherever.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/gateway/tinker/engine/engine.hpp"
#include "actors/gateway/tinker/engine/request_link.hpp"

namespace hocket::tinker {

/// Whether trainer and sampler are what the server describes, and have the same model; the trainer is
/// right where they differ. *Threads*: any.
class model_agreement {
 public:
  /// `same_bits`: a sampler that computes other bits than the trainer is refused, too.
  model_agreement(std::int64_t context, std::int64_t vocabulary, bool same_bits)
      : context_(context), vocabulary_(vocabulary), same_bits_(same_bits) {}
  /// *Errors*: tinker.other_model, tinker.other_bits, naming both and the remedy; tinker.unreachable: the trainer,
  /// with which a sampler is compared, has not told yet.
  std::optional<error> trainer_is(const worker_identity& it);
  std::optional<error> sampler_is(const worker_identity& it) const;
  /// SHA-256 of the trainer's model. *Errors*: tinker.unreachable: it has not told yet.
  result<std::string> model_sha256() const;

 private:
  std::optional<error> described(const std::string& who, const worker_identity& it) const;
  const std::int64_t context_, vocabulary_;
  const bool same_bits_;
  mutable std::mutex mutex_;
  std::optional<worker_identity> trainer_;
};

/// The server's ends of both links. Its engines keep it alive. *Threads*: any.
class linked_engines : public std::enable_shared_from_this<linked_engines> {
 public:
  struct settings {
    std::chrono::milliseconds gone_after{30'000};
    bool same_bits = true;
  };
  using sender = std::function<void(std::string piece)>;
  /// `model` gets the sum of the trainer's.
  linked_engines(served_model& model, const settings& s, sender to_trainer, sender to_sampler,
                 std::function<void(std::string)> tell);
  std::unique_ptr<training_engine> training();
  std::unique_ptr<sampling_engine> sampling();
  /// Packets of either (true: it ended a message), and time, a few times a second.
  bool trained(std::string_view piece);
  bool sampled(std::string_view piece);
  void tick();
  std::int64_t bad() const { return trainer_.bad() + sampler_.bad(); }

 private:
  const std::shared_ptr<model_agreement> agreement_;
  request_link trainer_, sampler_;
};

}  // namespace hocket::tinker
