hocket export systemd hosts.yaml --set "actors.speaker.delay_ms=50" --program /opt/hocket/bin/hocket -o "$TMP" && cat "$TMP"/*.service
