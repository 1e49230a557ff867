hocket record info good.yaml
