// A client on bare sockets: each exchange is a connection that sends its bytes and takes down what comes, how soon, and
// whether the other side closed; one after the other, or some at a time. Bytes are latin1 text.
import { connect } from "node:net";
import { addressOf, input } from "./input.ts";

export interface Exchange {
  readonly host: string;
  readonly port: number;
  /** Sent at once; "" to say nothing. */
  readonly send: string;
  /** Sent once something came. */
  readonly reply?: string;
  /** Enough has come when this does; without it, the other side has to close. */
  readonly until?: string;
  /** How often; once unless said. */
  readonly times?: number;
}

export interface ExchangeInput {
  readonly exchanges: readonly Exchange[];
  /** How many at a time; 1 unless said. */
  readonly concurrency?: number;
}

export interface Heard {
  readonly text: string;
  /** The other side ended the connection before we did. */
  readonly closed: boolean;
  readonly connectMs: number;
  /** From the connection to the first byte. */
  readonly firstByteMs: number;
  readonly error: string;
}

const deadlineMs = 10_000;

function exchange({ host, port, send, reply, until }: Exchange): Promise<Heard> {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    let connectedMs = 0;
    let firstByteMs = 0;
    let text = "";
    const socket = connect({ host, port });
    const settle = (closed: boolean, error: string): void => {
      clearTimeout(late);
      socket.destroy();
      resolve({ text, closed, connectMs: connectedMs - startedMs, firstByteMs: firstByteMs - connectedMs, error });
    };
    const late = setTimeout(() => settle(false, `nothing more in ${deadlineMs} ms`), deadlineMs);
    socket.setEncoding("latin1");
    socket.on("connect", () => {
      connectedMs = performance.now();
      if (send !== "") socket.write(send, "latin1");
    });
    socket.on("data", (part: string) => {
      if (text === "") {
        firstByteMs = performance.now();
        if (reply !== undefined) socket.write(reply, "latin1");
      }
      text += part;
      if (until !== undefined && text.includes(until)) settle(false, "");
    });
    socket.on("end", () => settle(true, ""));
    socket.on("error", ({ message }) => settle(true, message));
  });
}

const { exchanges, concurrency = 1 } = input() as ExchangeInput;
const addresses = new Map<string, string>();
for (const { host } of exchanges) addresses.set(host, await addressOf(host));
const all = exchanges.flatMap((one) => {
  const { host, times = 1 } = one;
  return Array.from({ length: times }, () => ({ ...one, host: addresses.get(host) ?? host }));
});
const heard: Heard[] = [];
let next = 0;
async function lane(): Promise<void> {
  for (let index = next++; index < all.length; index = next++) {
    const one = all[index];
    if (one !== undefined) heard[index] = await exchange(one);
  }
}
await Promise.all(Array.from({ length: concurrency }, lane));
console.log(JSON.stringify(heard));
