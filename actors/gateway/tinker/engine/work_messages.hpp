// Requests to a trainer or a sampler on another host and their answers, as values and as bytes.
// No protobuf in this header, no model.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actors/gateway/tinker/engine/engine.hpp"
#include "actors/gateway/tinker/wire/messages.hpp"

namespace hocket::tinker {

/// Which model a worker opened, and how it computes.
struct worker_identity {
  std::string model_sha256, precision;
  std::int64_t context = 0, vocabulary = 0;
  /// Of the scores of a fixed prompt: equal where both compute the same bits.
  std::string scores_sha256;
  bool operator==(const worker_identity&) const = default;
};

struct open_work {
  lora::adapter_files files;
  std::optional<std::string> optimizer;
};
struct pass_data {
  std::string owner;
  lora::loss_config loss;
  bool forward_only = false;
  std::vector<lora::training_datum> data;
};
struct save_work {
  bool optimizer = false;
};
struct drop_work {};
struct adapter_work {
  lora::adapter_files files;
};
struct sample_work {
  std::string owner, adapter_sha256;  ///< empty: the base model
  sample_request ask;
};
/// A request: to a trainer by its number, or (0) to whoever samples.
struct work {
  std::uint64_t trainer = 0;
  std::variant<new_adapter, open_work, pass_data, lora::adam_params, save_work, drop_work,
               adapter_work, sample_work>
      what;
};
std::string pack(const work& w);
std::string pack_pass(std::uint64_t trainer, const std::string& owner,
                      const lora::loss_config& loss, bool forward_only,
                      std::span<const lora::training_datum> data);
/// *Errors* (`tinker.bad_work`): no such message.
result<work> unpack_work(std::string_view bytes);

std::string pack(const lora::pass_result& r);
std::string pack(const std::map<std::string, double>& metrics);
std::string pack(const trainer_state& s);
std::string pack(const sample_answer& a);
/// *Errors* (`tinker.bad_work`).
result<lora::pass_result> unpack_pass(std::string_view bytes);
result<std::map<std::string, double>> unpack_metrics(std::string_view bytes);
result<trainer_state> unpack_state(std::string_view bytes);
result<sample_answer> unpack_sampled(std::string_view bytes);
/// A sampled answer to this. *Errors* (`tinker.bad_work`): to another.
result<sample_answer> unpack_sampled(std::string_view bytes, const sample_request& ask);

/// Of both files of an adapter.
std::string sha256_of(const lora::adapter_files& files);

// ---- what carries them

struct hello {
  std::uint64_t number = 0;
};
struct cancel {};
struct to_worker {
  std::string server;
  std::uint64_t number = 0;
  std::variant<hello, cancel, std::string> what;  ///< a text: work, packed
};
struct ready {
  std::uint64_t hello = 0;
  worker_identity identity;
  std::vector<std::uint64_t> in_work;
};
struct from_worker {
  std::string worker, server;
  std::uint64_t number = 0;
  std::variant<ready, error, std::string> what;  ///< a text: the result, packed
};
std::string pack(const to_worker& m);
std::string pack(const from_worker& m);
/// *Errors* (`tinker.bad_work`).
result<to_worker> unpack_to_worker(std::string_view bytes);
result<from_worker> unpack_from_worker(std::string_view bytes);

}  // namespace hocket::tinker
