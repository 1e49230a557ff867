// A shared library that is no plugin.
extern "C" int plain_number() { return 5; }
__attribute__((constructor)) static void run_too_early() { __builtin_trap(); }
