import sys

import httpx

with open(sys.argv[1], "rb") as file:
    answer = httpx.post("http://127.0.0.1:8080/uploads", files={"file": file}, timeout=60)
if answer.is_error:
    sys.exit(answer.json()["detail"])
print(answer.json()["thumbnail"]["url"])
