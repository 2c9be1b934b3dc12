# The client is made by: openapi-python-client generate --url http://127.0.0.1:8080/openapi.yaml
import sys
from pathlib import Path

from thumbgate_client import Client
from thumbgate_client.api.uploads import upload_files
from thumbgate_client.models import UploadForm, UploadRecord
from thumbgate_client.types import File

path = Path(sys.argv[1])
with path.open("rb") as picture, Client(base_url="http://127.0.0.1:8080") as client:
    form = UploadForm(file=[File(payload=picture, file_name=path.name)])
    record = upload_files.sync(client=client, body=form)
if not isinstance(record, UploadRecord):
    sys.exit(getattr(record, "detail", "no answer"))
print(record.thumbnail.url)
