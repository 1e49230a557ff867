hocket describe calculator please
