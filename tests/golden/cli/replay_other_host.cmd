hocket run two_hosts.yaml --virtual --host edge --listen "ipc://$TMP/edge" --out "$TMP/edge.out" --record "$TMP/edge.mcap" >"$TMP/edge.log" 2>&1 &
hocket run two_hosts.yaml --virtual --host desk --listen "ipc://$TMP/desk" --peer "edge=ipc://$TMP/edge" --out "$TMP/desk.out" >"$TMP/desk.log" 2>&1 && wait && hocket replay "$TMP/edge.mcap" --out "$TMP/out"
