// A plugin of another release: the right entry points, another ABI string.
extern "C" const char* hocket_plugin_abi() { return "hocket-0.0-0-cxx98"; }
extern "C" const char* hocket_plugin_name() { return "stranger"; }
extern "C" void hocket_plugin_register(void*, void*) { __builtin_trap(); }
__attribute__((used, section(".hocket.plugin"))) static const char note[] =
    "hocket-plugin\0hocket-0.0-0-cxx98\0stranger";
