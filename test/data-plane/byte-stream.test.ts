// The transport below both codecs, where Node's own behaviour needs care.
import { once } from "node:events";
import net from "node:net";
import test from "ava";
import { acceptHandles } from "../../agent/listener/accept.ts";
import type { ByteReader } from "../../agent/transport/byte-stream.ts";
import { ByteStream } from "../../agent/transport/byte-stream.ts";
import { RawClient } from "../support/raw-client.ts";
import type { Test } from "../support/test-context.ts";

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
