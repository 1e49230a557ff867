#pragma once

#include <string>
#include <string_view>

namespace hocket::trust {

/// What was said is kept out of everything that this process writes, shows and answers, from here on:
/// `--no-pii`, or the policy of its graph. Process-wide; `false`: for tests, and forgets what was noted.
void keep_words_out(bool yes = true);
bool words_are_kept_out();

/// Somebody said this: a text, a task, an argument or a result went by. Where words are kept out its
/// words are remembered (the last 50 000 different ones, hashed), so that no message about it can quote
/// them. Threads: any. Cost: one look at a flag where they are not.
void note_words(std::string_view said);

/// The text as it may leave this process: values of secrets by their names (`without_secrets`), and,
/// where words are kept out, a dot for each of the last that were said. Words of up to three letters,
/// plain numbers of one digit, and what `note_vocabulary` named stay. For messages, errors, events and
/// whatever else is no payload: a payload's words are left out by whoever writes it. Threads: any.
std::string redacted(std::string text);

/// Words that the run itself uses, which stay although somebody says them: names of its actors,
/// components, ports and tools.
void note_vocabulary(std::string_view names);

}  // namespace hocket::trust
