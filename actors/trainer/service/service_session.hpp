#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "actors/trainer/learner.hpp"
#include "actors/trainer/service/adapter_archive.hpp"
#include "actors/trainer/service/service_call.hpp"

namespace hocket::trainer {

/// How a session reaches its service; tests have their own.
struct service_reach {
  std::function<result<http::fetch_answer>(const http::fetch_request&, const goes_on&)> fetch;
  std::function<bool(std::int64_t ms, const goes_on&)> rest;  ///< false: it is to end
  std::function<std::int64_t()> now_ms;
};
/// HTTP and the clock. Both look at `goes_on` five times a second; a transfer ends within a second of its no.
service_reach reach_over_http();

/// A new model, as create_model takes it.
struct wanted_model {
  wanted_adapter adapter;
  std::int64_t seed = 1;
};

struct step_params {
  double rate = 0, decay = 0, clip = 0;
};

/// One session with one model in training at a service of the Tinker API, for one round.
///
/// The operations of the model have numbers 1, 2, …; a try that was not answered goes again under the same
/// number, so that the service does it once. Passes of a step and the step itself are sent without
/// waiting for each other. While an answer is waited for, the session is kept alive.
///
/// Threads: one at a time; it blocks. Errors: those of service_call, train.stopped; of `open` also what the service
/// says of the model. After an error the session is of no use but to `finish`.
class service_session {
 public:
  service_session(const service_settings& s, const service_reach& reach, goes_on more)
      : settings_(s), reach_(reach), more_(std::move(more)) {}

  /// What ends the waiting from here on.
  void wait_while(goes_on more) { more_ = std::move(more); }
  /// A session with a new model.
  result<void> open(const wanted_model& model);
  /// A session with the model of a checkpoint (`tinker://…`), with its optimizer or a fresh one.
  result<void> open(const std::string& checkpoint, bool with_optimizer);
  /// The summed loss; nothing changes.
  result<double> forward(std::span<const lora::training_datum> data);
  /// Gradients of all, and a step with them. The loss before it.
  result<double> step(std::span<const lora::training_datum> data, const step_params& p);
  /// Keeps weights and optimizer at the service; gives where (`tinker://…`).
  result<std::string> save(const std::string& name);
  /// The adapter as PEFT's files: by `save_weights_external`, or as an archive where the service has no such
  /// operation. What was exported for it is deleted there again.
  /// Errors: train.bad_archive, train.service_unreachable (a URL that others read, or that is forbidden), too.
  result<lora::adapter_files> download(const std::string& name);
  /// Deletes what `save` kept.
  void drop(const std::string& name);
  /// Tells the service, for two seconds at most, that the session is over. *reason*: success, errored or interrupted.
  void finish(const char* reason);

 private:
  struct sent {
    service_call call;
    std::int64_t data = 0;  ///< of a pass
  };
  result<nlohmann::json> ask(service_ask what);
  result<service_answer> run(service_call& c);
  result<void> advance(service_call& c, bool until_submitted);
  result<http::fetch_answer> once(const char* method, const std::string& path,
                                  const nlohmann::json& body, int total_ms,
                                  const goes_on& more) const;
  result<void> beat();
  void forget(const std::string& checkpoint);
  service_call call_of(service_ask what) const;
  result<nlohmann::json> operate(const char* path, nlohmann::json body);
  result<void> begin(const char* path, nlohmann::json body);
  result<void> send_passes(std::span<const lora::training_datum> data, bool forward_only,
                           std::vector<sent>& out);
  result<double> losses_of(std::vector<sent>& passes);
  result<std::string> path_of(const nlohmann::json& answer, const char* kind,
                              const std::string& name) const;
  result<lora::adapter_files> files_of(const nlohmann::json& urls);
  result<lora::adapter_files> archive_of(const std::string& name);
  result<std::string> file(const std::string& url, std::size_t most_bytes);
  std::string checkpoints() const;
  std::string next_id();

  const service_settings& settings_;
  const service_reach& reach_;
  goes_on more_;
  std::string session_, model_;
  std::int64_t number_ = 0;  ///< of the last operation
  std::int64_t asks_ = 0;    ///< requests with an idempotency key
  std::int64_t beat_ms_ = 0;
  std::string nonce_;
};

}  // namespace hocket::trainer
