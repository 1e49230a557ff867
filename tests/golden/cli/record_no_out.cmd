hocket record recover torn.mcap
