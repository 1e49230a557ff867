hocket help version
