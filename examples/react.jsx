import { useEffect, useRef, useState } from "react";

const service = "http://127.0.0.1:8080";

export function Upload() {
  const element = useRef(null);
  const [keys, setKeys] = useState([]);

  useEffect(() => {
    import(/* @vite-ignore */ `${service}/static/thumbgate-upload.js`);
    const onUploaded = ({ detail }) => setKeys((keys) => [...keys, detail.record.upload.key]);
    const { current } = element;
    current.addEventListener("thumbgate:uploaded", onUploaded);
    return () => current.removeEventListener("thumbgate:uploaded", onUploaded);
  }, []);

  return (
    <>
      <thumbgate-upload ref={element} endpoint={service} multiple />
      <ul>{keys.map((key) => <li key={key}>{key}</li>)}</ul>
    </>
  );
}
