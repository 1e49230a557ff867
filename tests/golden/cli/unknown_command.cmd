hocket rnu
