// Signals that ask a long command to end in good order.
#pragma once

namespace hocket::cli {

/// From here on these ask for an orderly end instead of killing the process: SIGINT, SIGTERM, SIGHUP
/// (a closed terminal), SIGQUIT, SIGXCPU (`ulimit -t`), SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF.
/// A SIGHUP that is ignored already (nohup) stays ignored. A second SIGINT, SIGTERM or SIGQUIT, half a
/// second after the first or later, ends at once with exit code 1; a closing terminal and a wrapper
/// that passes Ctrl-C on send theirs twice within moments, and that counts once.
void end_in_order_on_signals();

/// The first that came; 0: none.
int signal_that_came();
/// "SIGHUP (the terminal is gone)".
const char* name_of_signal(int signal);

}  // namespace hocket::cli
