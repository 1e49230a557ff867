// A plugin of another release: the right entry points, another ABI string.
extern "C" const char* hocket_plugin_abi() { return "hocket-0.0-0-cxx98"; }
extern "C" const char* hocket_plugin_name() { return "stranger"; }
extern "C" void hocket_plugin_register(void*, void*) { __builtin_trap(); }
extern "C" __attribute__((used, section(".hocket.plugin"))) const char hocket_plugin_note[] =
    "hocket-plugin\0hocket-0.0-0-cxx98\0stranger";
__attribute__((constructor)) static void run_too_early() { __builtin_trap(); }
