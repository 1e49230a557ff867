#pragma once

#include <string>
#include <vector>

#include "graph/core/diagnostic.hpp"
#include "graph/spec/plan.hpp"

/// The files of a run: what its actors write and read.
namespace hocket::spec {

/// A file that something writes or reads, and who does.
struct named_file {
  std::string path;  ///< of an actor's output: beneath the run's output folder
  std::string who;   ///< "r1 (record.wav)", "--record"
  source_mark where = {};
  std::string host = {};  ///< each has a folder of its own; "": the only one
  /// Written in turns: NAME.part0001.EXT and so on are its, too, and NAME.EXT.next.
  bool in_turns = false;
  bool with_all_beneath = false;  ///< a folder, and whatever is in it
  bool is_shared = false;         ///< several may write it side by side
};

/// What actors write, as they name it. A component with a choice of places (`to: file`) writes only
/// where that says so. What a pipeline's own sinks write has a whole path: it lies beneath no folder.
std::vector<named_file> outputs_of(const plan& graph);
/// Files that actors read, also those that the text of a pipeline names.
std::vector<named_file> inputs_of(const plan& graph);

/// True where two instances of an actor cannot be open at once: it writes a file or holds a device.
bool holds_alone(const plan_actor& actor);
/// The first file or folder that an actor reads and that is not there; "": all are.
std::string missing_input(const plan_actor& actor);

/// Two actors that write the same file of the same host, by name alone: `./a.wav`, `x/../a.wav` and
/// `A.wav` are `a.wav`, since file systems differ. For validation, where no disk is looked at.
///
/// Errors: output.same-file.
void check_outputs(const plan& graph, diagnostics& findings);

/// The same on this machine, where links are followed: `more` are files that a command writes besides
/// (--record, --trace, its own log), `reads` those that must stay what they are.
///
/// Errors: output.same-file, output.is-input.
void check_files(const std::vector<named_file>& writes, const std::vector<named_file>& reads,
                 diagnostics& findings);

/// `files` beneath a run's output folder.
std::vector<named_file> beneath(const std::string& out_dir, std::vector<named_file> files);

}  // namespace hocket::spec
