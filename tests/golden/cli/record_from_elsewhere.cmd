hocket record info torn.mcap --from 3
