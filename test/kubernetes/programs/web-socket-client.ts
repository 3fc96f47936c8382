// Many WebSockets held for a while, each asked something every second. Prints how many opened, closed before they were
// to, and how many echoes came and did not.
import { addressOf, input, sleep } from "./input.ts";

export interface WebSocketInput {
  readonly host: string;
  readonly port: number;
  readonly sockets: number;
  readonly seconds: number;
}

export interface WebSocketSummary {
  readonly opened: number;
  readonly closed: number;
  readonly sent: number;
  readonly echoed: number;
}

const { host, port, sockets, seconds } = input() as WebSocketInput;
const echoDeadlineMs = 10_000;
const address = await addressOf(host);
let opened = 0;
let closed = 0;
let sent = 0;
let echoed = 0;
let over = false;

const open = Array.from({ length: sockets }, () => {
  const socket = new WebSocket(`ws://${address}:${port}/talk`);
  socket.addEventListener("open", () => opened++);
  socket.addEventListener("close", () => {
    if (!over) closed++;
  });
  socket.addEventListener("message", () => echoed++);
  return socket;
});

const endMs = performance.now() + seconds * 1000;
while (performance.now() < endMs) {
  await sleep(1000);
  for (const socket of open) {
    if (socket.readyState !== WebSocket.OPEN) continue;
    socket.send(String(sent++));
  }
}
const lateMs = performance.now() + echoDeadlineMs;
while (echoed < sent && performance.now() < lateMs) await sleep(20);
over = true;
console.log(JSON.stringify({ opened, closed, sent, echoed } satisfies WebSocketSummary));
process.exit(0);
