// A shared library that is no plugin.
extern "C" int plain_number() { return 5; }
