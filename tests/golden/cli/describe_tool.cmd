hocket describe calculator
