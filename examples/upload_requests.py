import sys

import requests

with open(sys.argv[1], "rb") as file:
    answer = requests.post("http://127.0.0.1:8080/uploads", files={"file": file}, timeout=60)
if not answer.ok:
    sys.exit(answer.json()["detail"])
print(answer.json()["thumbnail"]["url"])
