// A server around sharp, as small as one can be: GET /FILE?w=WIDTH&f=FORMAT&q=QUALITY
// node sharp_server.mjs PORT DIRECTORY
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { createRequire } from "node:module";

const sharp = createRequire(join(process.cwd(), "index.js"))("sharp");
const [port, directory] = process.argv.slice(2);
sharp.concurrency(1); // as all others here: one thread for one picture
sharp.cache(false); // every rendition is made

const OPTIONS = {
  jpg: (quality) => ["jpeg", { quality }],
  webp: (quality) => ["webp", { quality }],
  avif: (quality) => ["avif", { quality, effort: 1 }],
};

createServer(async (request, response) => {
  try {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname === "/up") return response.end();
    const file = join(directory, basename(url.pathname));
    const [format, options] = OPTIONS[url.searchParams.get("f")](Number(url.searchParams.get("q")));
    const picture = sharp(file, { animated: file.endsWith(".gif") });
    const body = await picture.resize(Number(url.searchParams.get("w"))).toFormat(format, options).toBuffer();
    response.end(body);
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
}).listen(Number(port), "127.0.0.1");
