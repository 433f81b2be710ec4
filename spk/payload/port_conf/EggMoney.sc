[eggmoney]
title="EggMoney"
desc="EggMoney web page and API"
port_forward="yes"
dst.ports="8740/tcp"
