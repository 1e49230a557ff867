hocket record info nothing.mcap
