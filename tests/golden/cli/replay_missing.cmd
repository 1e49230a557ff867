hocket replay nothing.mcap
