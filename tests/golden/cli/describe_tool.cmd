hocket describe calculator --json | grep -o '"name": *"calculator"'
