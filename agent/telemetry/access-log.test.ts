import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import test from "ava";
import { until } from "../../test/support/until.ts";
import type { AccessLogEntry } from "./access-log.ts";
import { AccessLog, accessLogLine, openAccessLogDestination } from "./access-log.ts";

const entry: AccessLogEntry = {
  startTimeMs: 1_700_000_000_123,
  durationMs: 12.3456,
  upstreamMs: 10,
  listener: "gateway",
  method: "GET",
  authority: "app.example.com",
  target: "/version?x=1",
  protocol: "HTTP/1.1",
  statusCode: 200,
  reason: "",
  requestBytes: 0,
  responseBytes: 7,
  downstreamAddress: "127.0.0.1",
  upstreamAddress: "10.0.0.7:8080",
  route: "shop/cart",
  rule: 0,
  backend: "shop/cart:80",
  workloadVersion: "v1",
  replays: 0,
  mirrors: 1,
  userAgent: 'a "quoted"\nagent',
  forwardedFor: "",
  traceId: "",
  generation: "e.1",
};

/** A destination that takes one write and finishes it when told to. */
function slowDestination(): { destination: Writable; text: () => string; finish: () => void } {
  const written: string[] = [];
  let finish = (): void => {};
  const destination = new Writable({
    decodeStrings: false,
    highWaterMark: 1,
    write(chunk: string, _encoding, done) {
      written.push(chunk);
      finish = done;
    },
  });
  return {
    destination,
    text: () => written.join(""),
    finish: () => {
      finish();
    },
  };
}

test("a line is one JSON object that leaves out what there was not", (t) => {
  const line = accessLogLine(entry);
  t.is(line.indexOf("\n"), line.length - 1);
  t.deepEqual(JSON.parse(line), {
    start_time: "2023-11-14T22:13:20.123Z",
    listener: "gateway",
    method: "GET",
    authority: "app.example.com",
    path: "/version?x=1",
    protocol: "HTTP/1.1",
    status: 200,
    duration_ms: 12.346,
    upstream_ms: 10,
    bytes_received: 0,
    bytes_sent: 7,
    route: "shop/cart",
    rule: 0,
    backend: "shop/cart:80",
    version: "v1",
    downstream_address: "127.0.0.1",
    upstream_address: "10.0.0.7:8080",
    mirrors: 1,
    user_agent: 'a "quoted"\nagent',
    generation: "e.1",
  });
});

test("a local reply's line has its reason, and neither route nor upstream time", (t) => {
  const line = accessLogLine({ ...entry, statusCode: 404, reason: "no_route", route: "", rule: -1, upstreamMs: -1 });
  const parsed: unknown = JSON.parse(line);
  t.like(parsed, { status: 404, reason: "no_route" });
  t.false(Object.keys(parsed as object).some((key) => ["route", "rule", "upstream_ms"].includes(key)));
});

test("lines reach a file within the interval, and all of them by close", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "access-log-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, "access.log");
  const droppedLines = { value: 0 };
  const log = new AccessLog({ destination: openAccessLogDestination(path), droppedLines, flushIntervalMs: 5 });
  log.record(entry);
  await until(() => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"));
  for (let count = 0; count < 1000; count++) {
    log.record(entry);
  }
  await log.close(5000);
  const lines = (await readFile(path, "utf8")).split("\n");
  t.is(lines.length, 1002);
  t.notThrows(() => lines.slice(0, -1).map((line) => JSON.parse(line)));
  t.is(droppedLines.value, 0);
});

test("while the destination is slow, lines wait up to the bound and further ones are counted", async (t) => {
  const { destination, text, finish } = slowDestination();
  const droppedLines = { value: 0 };
  const log = new AccessLog({ destination, droppedLines, maxBuffered: 100_000, flushIntervalMs: 1 });
  log.record(entry);
  await until(() => text() !== "");
  const lineLength = text().length;
  for (let count = 0; count < 1000; count++) {
    log.record(entry);
  }
  const waiting = Math.ceil(100_000 / lineLength);
  t.is(droppedLines.value, 1000 - waiting);
  finish();
  await until(() => text().length > lineLength);
  t.is(text().length, lineLength * (waiting + 1));
  const closed = log.close(50);
  finish();
  await closed;
});

test("a destination that breaks ends the log and nothing else; every line is counted", async (t) => {
  const droppedLines = { value: 0 };
  const destination = new Writable({
    write(_chunk, _encoding, done) {
      done(new Error("no space left"));
    },
  });
  const log = new AccessLog({ destination, droppedLines, flushIntervalMs: 1 });
  log.record(entry);
  await until(() => destination.destroyed);
  log.record(entry);
  log.record(entry);
  t.is(droppedLines.value, 2);
  await log.close(1000);
});

test("close waits no longer than its cap for a destination that never finishes", async (t) => {
  const { destination } = slowDestination();
  const log = new AccessLog({ destination, droppedLines: { value: 0 } });
  log.record(entry);
  const startedMs = performance.now();
  await log.close(30);
  t.true(performance.now() - startedMs < 2000);
});
