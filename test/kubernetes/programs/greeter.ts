// Servers that talk first, as MySQL and SMTP do and as nobody has heard of, and Redis, whose clients do. After the
// greeting whatever comes is sent back.
import { createServer } from "node:net";
import { endAtSignal } from "./input.ts";

const redisPort = 6379;

/** Packet 0 of MySQL: length, number, protocol 10, version, and the beginning of a salt. */
const mySql = "\x1a\x00\x00\x00\x0a8.4.0\x00\x08\x00\x00\x00saltsalt\x00\xff\xf7\xff\x02\x00";

/** By port; the last stands in no manifest of the pod. */
const greetings: Readonly<Record<number, string>> = {
  3306: mySql,
  2525: "220 mail.example ESMTP\r\n",
  7777: "random says hello\n",
};

for (const [port, greeting] of Object.entries(greetings)) {
  createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.write(greeting, "latin1");
    socket.pipe(socket);
  }).listen(Number(port));
}

createServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.on("data", () => socket.write("+PONG\r\n"));
}).listen(redisPort);

endAtSignal();
