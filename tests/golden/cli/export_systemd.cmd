hocket export systemd hosts.yaml --set "actors.speaker.delay_ms=50" --program /usr/local/bin/hocket -o "$TMP" && cat "$TMP"/*.service
