#pragma once

#include <string_view>

#include "graph/contract/payload.hpp"
#include "graph/trust/capability.hpp"

namespace hocket {

/// What a field of a payload holds, by its name in `graph/schema` ("value" of a text): whoever writes
/// one asks, so that a new field is left out where nobody thought of it. Every field of the schema has
/// a class (a test compares); one that is not known is a `word`.
trust::data_class class_of(payload_kind kind, std::string_view field);

/// Remembers the words of a payload that goes by, where words are kept out of messages (see
/// trust::note_words). Threads: any. Cost: one look at a flag where they are not.
void note_said(const payload& said);

}  // namespace hocket
