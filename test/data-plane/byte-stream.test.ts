// The transport below both codecs, where Node's own behaviour needs care.
import { once } from "node:events";
import net from "node:net";
import test from "ava";
import { acceptHandles } from "../../agent/listener/accept.ts";
import type { ByteReader } from "../../agent/transport/byte-stream.ts";
import { ByteStream } from "../../agent/transport/byte-stream.ts";
import { RawClient } from "../support/raw-client.ts";
import { startRawServer } from "../support/raw-server.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

const quiet: ByteReader = {
  onBytes: () => true,
  onEnd: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
};

async function connected(t: Test): Promise<{ readonly stream: ByteStream; readonly client: RawClient }> {
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = new Promise<ByteStream>((resolve) => {
    acceptHandles(server, (handle) => {
      resolve(ByteStream.accepted(handle, quiet));
    });
  });
  const client = await RawClient.connect(t, (server.address() as net.AddressInfo).port);
  const stream = await accepted;
  t.teardown(() => {
    stream.destroy();
    server.close();
  });
  return { stream, client };
}

test("a reset right after the end closes the connection all the same", async (t) => {
  const { stream, client } = await connected(t);
  stream.writeText("whole");
  stream.end();
  await Promise.resolve();
  stream.reset();
  await client.until(() => client.closing !== "");
  // Once the other side is gone, nothing of the connection is left that could take bytes.
  const refused = once(client.socket, "error");
  client.write("late");
  await new Promise(setImmediate);
  client.write("later");
  await refused;
  t.is(client.received, "whole");
});

test("a reset is seen as a reset", async (t) => {
  const { stream, client } = await connected(t);
  stream.writeText("part");
  stream.reset();
  await client.until(() => client.closed);
  t.is(client.closing, "reset");
});

test("an orderly end delivers what was written", async (t) => {
  const { stream, client } = await connected(t);
  stream.writeText("x".repeat(1024 * 1024));
  stream.finish();
  await client.ended();
  t.is(client.closing, "end");
  t.is(client.received.length, 1024 * 1024);
});

test("a reset while the connection is being made ends it at once: it is never made", async (t) => {
  const server = await startRawServer(t, () => undefined);
  let connected = false;
  await new Promise<void>((resolve) => {
    const reader: ByteReader = { ...quiet, onClose: () => resolve() };
    const stream = ByteStream.dial({ address: "127.0.0.1", port: server.port }, reader, () => (connected = true));
    stream.reset();
  });
  t.false(connected);
});

test("a small write on a dialled connection does not wait for the one before it to be acknowledged", async (t) => {
  const rounds = 30;
  const server = await startRawServer(t, (socket) => {
    let unanswered = 0;
    socket.on("data", (bytes: Buffer) => {
      for (unanswered += bytes.length; unanswered >= 2; unanswered -= 2) socket.write("x");
    });
  });
  let answers = 0;
  const ask = (): void => {
    stream.writeText("a");
    setImmediate(() => stream.writeText("b"));
  };
  const reader: ByteReader = {
    ...quiet,
    onBytes: () => {
      answers++;
      ask();
      return true;
    },
  };
  const stream = ByteStream.dial({ address: "127.0.0.1", port: server.port }, reader, ask);
  t.teardown(() => stream.destroy());
  const beganMs = performance.now();
  await until(() => answers >= rounds);
  // Held back, each round would take the 40 ms after which Linux acknowledges what it has no answer to.
  t.true(performance.now() - beganMs < rounds * 20);
});
