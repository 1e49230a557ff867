// Standard output and error of a command that must end in good order whatever becomes of them.
#pragma once

#include <functional>

namespace hocket::cli {

/// Makes `stdout` and `stderr` streams that never fail: what cannot be written (the reader of a pipe
/// is gone, a terminal was closed, a disk is full) is left out, and remembered. No signal comes of it
/// (SIGPIPE, SIGXFSZ, SIGTTOU are ignored from here on). Lasts until the process ends.
void keep_output();

/// errno of the first failure of standard output; 0: none.
int output_trouble();

/// Whether nobody reads standard output any more: a pipe without a reader, a closed terminal. Not a
/// socket (a service manager's journal comes back), not a full disk.
bool output_abandoned();

/// Opens /dev/null where 0, 1 or 2 are closed, so that no file of ours gets their numbers and with it
/// what is printed.
void fill_standard_streams();

/// Called about every 200 ms while standard output takes nothing (a pager that waits, a full pipe):
/// true makes the writer give up on it. One at a time; empty: wait for ever.
void while_blocked(std::function<bool()> give_up);

/// What `main` returns: `code`, or exit_failed with words on stderr where standard output lost
/// something that nobody has told of (a full disk behind `hocket list > file`).
int checked_output(int code);

}  // namespace hocket::cli
