import Uppy from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import XHRUpload from "@uppy/xhr-upload";
import "@uppy/core/css/style.min.css";
import "@uppy/dashboard/css/style.min.css";

export const uppy = new Uppy({ restrictions: { allowedFileTypes: [".jpg", ".jpeg", ".png"] } })
  .use(Dashboard, { inline: true, target: "#uppy" })
  .use(XHRUpload, {
    endpoint: "http://127.0.0.1:8080/uploads",
    fieldName: "file",
    // By itself Uppy sends again what is refused for good, and calls it a network error.
    shouldRetry: ({ status }) => [0, 408, 429, 502, 503, 504].includes(status),
    onAfterResponse: ({ status, responseText }) => {
      if (status >= 400) throw new Error(JSON.parse(responseText).detail);
    },
  });

// The record is the response's body: response.body.thumbnail.url is the thumbnail's address.
uppy.on("upload-success", (file, response) => console.log(file.name, response.body.thumbnail.key));
