h=$(command -v hocket); PATH=/nonexistent "$h" graph good.yaml --format svg
