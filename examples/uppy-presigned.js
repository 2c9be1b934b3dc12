import AwsS3 from "@uppy/aws-s3";
import Uppy from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import "@uppy/core/css/style.min.css";
import "@uppy/dashboard/css/style.min.css";

export const uppy = new Uppy({ restrictions: { allowedFileTypes: [".jpg", ".jpeg", ".png"] } })
  .use(Dashboard, { inline: true, target: "#uppy" })
  .use(AwsS3, { shouldUseMultipart: false, generateObjectKey: (file) => file.id, signRequest });

/** The service chooses the key; until then the file goes by its id. */
async function signRequest({ key: id }) {
  const { name, type, size } = uppy.getFile(id);
  const response = await fetch("http://127.0.0.1:8080/uploads/presigned", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ filename: name, content_type: type, bytes: size }),
  });
  if (!response.ok) throw new Error((await response.json()).detail);
  const { url, key, headers } = await response.json();
  return { url, key, headers };
}
