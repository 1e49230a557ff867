#pragma once

#include <string_view>

#include "graph/contract/payload.hpp"
#include "graph/trust/capability.hpp"

namespace hocket {

/// What a field of a payload holds, by its name in `graph/schema` ("value" of a text). A list that is
/// checked against the schema (a test compares: every field has a class), not a gate: writers decide by
/// kinds (`holds_figures_alone`) and do not ask here. One that is not known is a `word`.
trust::data_class class_of(payload_kind kind, std::string_view field);

/// Remembers the words of a payload that goes by, where words are kept out of messages (see
/// trust::note_words). Threads: any. Cost: one look at a flag where they are not.
void note_said(const payload& said);

}  // namespace hocket
