hocket describe
