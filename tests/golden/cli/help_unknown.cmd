hocket help vrsion
