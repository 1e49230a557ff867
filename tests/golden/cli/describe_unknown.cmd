hocket describe calculater
