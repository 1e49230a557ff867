// What is known of an adapter: written by the system that made it, never by hand.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "graph/trust/files.hpp"

namespace hocket::governance {

/// Examples of one origin.
struct data_source {
  std::string provenance;  ///< as their packets say
  std::int64_t examples = 0;
  std::string sha256;  ///< of the examples, in the order in which they came
};

/// What whoever made an adapter knows of it.
struct card_facts {
  std::string name, parent;  ///< parent: the adapter that training went on from; empty: none
  std::string base_model, base_sha256;
  std::string adapter_config;  ///< PEFT's adapter_config.json
  std::string weights_sha256;
  std::int64_t weights_bytes = 0;
  std::vector<data_source> data;
  std::int64_t tokens = 0;  ///< read in training
  std::string source, licence, consent;
  nlohmann::json recipe;       ///< settings of the training
  nlohmann::json evaluations;  ///< a list; more are added as they are made
  std::vector<std::string> constraints;
};

/// The card as JSON, with the code's revision and the time (UTC).
nlohmann::json make_card(const card_facts& facts);

/// A model card in Markdown for people, as model hubs show one.
std::string markdown_of(const nlohmann::json& card);

/// The git revision that cards name; `hocket` sets it at its start.
void set_revision(std::string revision);
const std::string& revision();

/// Whether a card may be written into a folder: it replaces no README.md that it did not write, and no
/// card of another adapter. Errors: governance.not_ours.
result<void> check_card_place(const trust::folder& folder, const std::string& adapter);

/// Now, as 2026-11-28T23:59:59Z.
std::string utc_now();

}  // namespace hocket::governance
