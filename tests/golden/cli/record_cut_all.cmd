hocket record cut torn.mcap -o part.mcap
