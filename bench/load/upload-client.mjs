// Uploads a number of bytes in one POST and prints the milliseconds to the end of the answer.
// Arguments: port, path, bytes.
import { request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const [port, path, bytes] = process.argv.slice(2);
const length = Number(bytes);
const chunk = Buffer.alloc(65536, "x");

function* body() {
  for (let left = length; left > 0; left -= chunk.length) yield left >= chunk.length ? chunk : chunk.subarray(0, left);
}

const begun = performance.now();
const upload = request({ host: "127.0.0.1", port, path, method: "POST", headers: { "content-length": length } });
const answered = new Promise((resolve, reject) => {
  upload.on("error", reject);
  upload.on("response", (response) => {
    response.resume();
    response.on("end", () => resolve(response.statusCode));
  });
});
await pipeline(Readable.from(body()), upload);
const status = await answered;
if (status !== 200) throw new Error(`answered ${status}`);
console.log(performance.now() - begun);
