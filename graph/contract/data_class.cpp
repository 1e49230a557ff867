#include "graph/contract/data_class.hpp"

#include <algorithm>
#include <array>
#include <variant>

#include "graph/trust/redaction.hpp"

namespace hocket {
namespace {

using trust::data_class;

struct row {
  payload_kind kind;
  std::string_view field;
  data_class what;
};

// A tensor is a voice: dMel frames, patches of pictures and states of a model can be turned back.
constexpr std::array rows = {
    row{payload_kind::audio, "rate_hz", data_class::figure},
    row{payload_kind::audio, "channels", data_class::figure},
    row{payload_kind::audio, "first_sample", data_class::figure},
    row{payload_kind::audio, "samples", data_class::voice},
    row{payload_kind::video, "width", data_class::figure},
    row{payload_kind::video, "height", data_class::figure},
    row{payload_kind::video, "pixels", data_class::voice},
    row{payload_kind::tensor, "type", data_class::figure},
    row{payload_kind::tensor, "shape", data_class::figure},
    row{payload_kind::tensor, "data", data_class::voice},
    row{payload_kind::text, "value", data_class::word},
    row{payload_kind::text, "role", data_class::figure},
    row{payload_kind::text, "request", data_class::figure},
    row{payload_kind::text, "partial", data_class::figure},
    row{payload_kind::tool_call, "call", data_class::figure},
    row{payload_kind::tool_call, "request", data_class::figure},
    row{payload_kind::tool_call, "tool", data_class::figure},
    row{payload_kind::tool_call, "arguments_json", data_class::word},
    row{payload_kind::tool_result, "call", data_class::figure},
    row{payload_kind::tool_result, "request", data_class::figure},
    row{payload_kind::tool_result, "tool", data_class::figure},
    row{payload_kind::tool_result, "status", data_class::figure},
    row{payload_kind::tool_result, "content", data_class::word},
    row{payload_kind::delegation, "request", data_class::figure},
    row{payload_kind::delegation, "action", data_class::figure},
    row{payload_kind::delegation, "task", data_class::word},
    row{payload_kind::delegation, "transcript", data_class::word},
    row{payload_kind::delegation, "from_micro_turn", data_class::figure},
    row{payload_kind::delegation, "to_micro_turn", data_class::figure},
    row{payload_kind::delegation, "supersedes", data_class::figure},
    row{payload_kind::training_example, "tensors", data_class::voice},
    row{payload_kind::training_example, "provenance", data_class::word},
    row{payload_kind::adapter, "name", data_class::figure},
    row{payload_kind::adapter, "card_json", data_class::word},
    row{payload_kind::adapter, "weights", data_class::voice},  // of what was learnt from people
    row{payload_kind::control, "kind", data_class::figure},
    row{payload_kind::control, "detail", data_class::figure},  // a message: redacted as such
    row{payload_kind::control, "value", data_class::figure}};

struct words_of {
  void operator()(const text& t) const { trust::note_words(t.value); }
  void operator()(const tool_call& c) const { trust::note_words(c.arguments_json); }
  void operator()(const tool_result& r) const { trust::note_words(r.content); }
  void operator()(const delegation& d) const {
    trust::note_words(d.task);
    trust::note_words(d.transcript);
  }
  void operator()(const training_example& e) const { trust::note_words(e.provenance); }
  void operator()(const adapter& a) const { trust::note_words(a.card_json); }
  template <class Other>
  void operator()(const Other&) const {}
};

}  // namespace

data_class class_of(payload_kind kind, std::string_view field) {
  const auto it = std::find_if(rows.begin(), rows.end(),
                               [&](const row& r) { return r.kind == kind && r.field == field; });
  return it == rows.end() ? data_class::word : it->what;
}

void note_said(const payload& said) {
  if (trust::words_are_kept_out()) std::visit(words_of{}, said);
}

}  // namespace hocket
