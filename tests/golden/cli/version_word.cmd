hocket version | sed "s/(.*)/(…)/"
