// A site of somebody else, on an origin of its own, and a link between a browser and the service that can be slow,
// broken or dead.
import { createServer as createHttpServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";

/** Serves the pages that are put into `pages`, by path. */
export async function startSite() {
  const pages = new Map();
  const received = [];
  const server = createHttpServer(async (request, response) => {
    const path = new URL(request.url, "http://site").pathname;
    if (request.method === "POST") received.push(Buffer.concat(await request.toArray()).toString());
    const [type, content] = pages.get(path) ?? (request.method === "POST" ? ["text/plain", "received"] : []);
    response.writeHead(content ? 200 : 404, { "Content-Type": type ?? "text/plain" }).end(content ?? "");
  });
  const origin = await listening(server);
  return {
    origin,
    /** The bodies of the forms that were sent to the site itself. */
    received,
    /** Puts a page up, and gives back its address. */
    page(path, body, head = "") {
      const document = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A site</title>
        <link rel="icon" href="data:,">${head}<body>${body}</body></html>`;
      pages.set(path, ["text/html; charset=utf-8", document]);
      return origin + path;
    },
    file: (path, type, content) => pages.set(path, [type, content]),
    stop: () => closed(server),
  };
}

/** A TCP proxy before a service. `link.fault` says what becomes of connections from then on. */
export async function startLink(url) {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  const link = { fault: null, connections: 0 };
  const server = createTcpServer((near) => {
    link.connections += 1;
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    }
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    if (link.fault === "refuse") return near.destroy();
    let passed = 0;
    near.on("data", (bytes) => {
      passed += bytes.length;
      if (link.fault?.cutAfter < passed) return near.resetAndDestroy();
      far.write(bytes);
    });
    far.on("data", (bytes) => {
      // The service has done it, and its answer is lost.
      if (link.fault === "lose answers") return near.resetAndDestroy();
      if (link.fault === "hold answers") return;
      near.write(bytes);
    });
  });
  link.url = await listening(server);
  /** Ends all connections, as a network that is lost does. */
  link.cut = () => sockets.forEach((socket) => socket.destroy());
  link.stop = () => {
    link.cut();
    return closed(server);
  };
  return link;
}

async function listening(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

function closed(server) {
  server.closeAllConnections?.();
  return new Promise((resolve) => server.close(resolve));
}
