hocket apply
