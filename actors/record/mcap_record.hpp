#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "actors/record/recording_writer.hpp"
#include "graph/contract/component.hpp"

namespace hocket::record {

/// `record.mcap`: whatever it is linked to, of all sessions, in one MCAP file.
///
/// Inputs (all optional, each may be fed by many outputs): audio, video, tensor, text, tool_calls,
/// tool_results, delegations, training_examples, adapters, control.
/// Outputs: none.
/// A guard's `forgets` among the delegations takes its conversation out of the file, once that is closed.
/// A link's queue says what happens when the disk does not keep up: `block` (the default here) makes
/// the senders wait, so nothing is lost; a dropping policy counts its drops on the link, and the file
/// names the gaps. A disk that refuses never stops the graph: counter `lost_packets`.
/// Errors: mcap.cannot_write when it opens, mcap.not_recordable.
class mcap_record final : public component {
 public:
  struct config {
    std::string file = "recording.mcap";
    bool compress = true;
    rotation_limits rotate;
    void visit(config_visitor& v) {
      v.field({.name = "file",
               .doc = "path of the file, relative to the run's output folder",
               .is_output = true},
              file);
      v.field({.name = "compress", .doc = "pack with zstd"}, compress);
      rotate.visit(v);
    }
  };
  static component_info info();

  explicit mcap_record(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> close(emitter&) override;

 private:
  void take(const packet& p);
  void tell();

  config config_;
  context context_;
  std::string path_;
  std::unique_ptr<recording_writer> file_;
  std::map<std::pair<std::string, session_id>, std::uint64_t> next_seq_;
  std::uint64_t told_lost_ = 0;
  bool told_ = false, told_turn_ = false;
  bool with_pii_ = true;
  bool joined_ = false;             ///< came while the graph ran
  std::set<session_id> forgotten_;  ///< conversations that are taken out of the file at its end
};

}  // namespace hocket::record
