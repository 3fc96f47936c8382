import test from "ava";
import { seededRandom } from "../../test/support/seeded-random.ts";
import { TraceDecider, traceHeaderNames, traceHeaders } from "./trace-context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

function request(headers: Readonly<Record<string, string>> = {}): { header(name: string): string | undefined } {
  return { header: (name) => headers[name] };
}

function decider(ratio: number): TraceDecider {
  const random = seededRandom(7);
  return new TraceDecider({
    ratio,
    random: (bytes) => {
      for (let offset = 0; offset < bytes.length; offset++) {
        bytes[offset] = random() * 256;
      }
    },
  });
}

test("a request without context starts a trace with fresh ids of the right form", (t) => {
  const traces = new TraceDecider({ ratio: 1 });
  const ids = new Set<string>();
  for (let count = 0; count < 1000; count++) {
    const trace = traces.decide(request());
    t.regex(trace.traceId, /^[0-9a-f]{32}$/);
    t.regex(trace.spanId, /^[0-9a-f]{16}$/);
    t.is(trace.parentSpanId, "");
    t.true(trace.sampled);
    ids.add(trace.traceId).add(trace.spanId);
  }
  t.is(ids.size, 2000);
});

test("roots are sampled by ratio, and every agent decides alike on one trace id", (t) => {
  const traces = decider(0.25);
  let sampled = 0;
  for (let count = 0; count < 4000; count++) {
    const trace = traces.decide(request());
    sampled += trace.sampled ? 1 : 0;
    const elsewhere = traces.decide(request({ b3: `${trace.traceId}-${trace.spanId}` }));
    t.is(elsewhere.sampled, trace.sampled);
  }
  t.true(sampled > 900 && sampled < 1100, String(sampled));
  t.false(decider(0).decide(request()).sampled);
  t.throws(() => decider(1.5), { instanceOf: RangeError });
  t.throws(() => decider(Number.NaN), { instanceOf: RangeError });
});

test("a parent's decision is followed whatever the ratio", (t) => {
  const sampled = decider(0).decide(request({ traceparent: `00-${traceId}-${spanId}-01` }));
  t.like(sampled, { traceId, parentSpanId: spanId, sampled: true });
  t.not(sampled.spanId, spanId);
  const unsampled = decider(1).decide(request({ traceparent: `00-${traceId}-${spanId}-00` }));
  t.false(unsampled.sampled);
});

test("an unsampled request passes on its context with flag 00 and gets no id of ours", (t) => {
  const traces = decider(1);
  const trace = traces.decide(request({ traceparent: `00-${traceId}-${spanId}-00`, tracestate: "a=1" }));
  t.is(traceHeaders(trace), `traceparent: 00-${traceId}-${spanId}-00\r\ntracestate: a=1\r\n`);
  t.is(traces.childSpanId(trace), spanId);
  const root = decider(0).decide(request());
  t.is(traceHeaders(root), `traceparent: 00-${root.traceId}-${root.spanId}-00\r\n`);
});

test("a sampled request goes out with our span as the parent", (t) => {
  const traces = decider(1);
  const trace = traces.decide(request({ traceparent: `00-${traceId}-${spanId}-03`, tracestate: "a=1,b=2" }));
  t.is(traceHeaders(trace), `traceparent: 00-${traceId}-${trace.spanId}-03\r\ntracestate: a=1,b=2\r\n`);
  const child = traces.childSpanId(trace);
  t.is(new Set([spanId, trace.spanId, child]).size, 3);
  t.true(traceHeaders(trace, child).startsWith(`traceparent: 00-${traceId}-${child}-03\r\n`));
});

test("a malformed tracestate is dropped and the trace goes on; one without traceparent is dropped too", (t) => {
  const trace = decider(1).decide(request({ traceparent: `00-${traceId}-${spanId}-01`, tracestate: "Bad Key=1" }));
  t.like(trace, { traceId, traceState: "" });
  t.is(decider(1).decide(request({ tracestate: "a=1" })).traceState, "");
});

test("a malformed traceparent starts a new trace", (t) => {
  const trace = decider(1).decide(request({ traceparent: `00-${traceId}-${spanId}-1`, tracestate: "a=1" }));
  t.not(trace.traceId, traceId);
  t.like(trace, { parentSpanId: "", traceState: "" });
});

test("B3 single is read, and rewritten because it came in", (t) => {
  const trace = decider(0).decide(request({ b3: `${traceId}-${spanId}-1-05e3ac9a4f6e3b90` }));
  t.like(trace, { traceId, parentSpanId: spanId, sampled: true, b3: "single" });
  t.is(traceHeaders(trace), `traceparent: 00-${traceId}-${trace.spanId}-01\r\nb3: ${traceId}-${trace.spanId}-1\r\n`);
});

test("B3 multi is read, and rewritten because it came in", (t) => {
  const trace = decider(1).decide(
    request({ "x-b3-traceid": traceId, "x-b3-spanid": spanId, "x-b3-sampled": "0", "x-b3-parentspanid": "0a" }),
  );
  t.like(trace, { traceId, sampled: false, b3: "multi" });
  t.is(
    traceHeaders(trace),
    `traceparent: 00-${traceId}-${spanId}-00\r\nX-B3-TraceId: ${traceId}\r\nX-B3-SpanId: ${spanId}\r\nX-B3-Sampled: 0\r\n`,
  );
});

test("a 64-bit B3 trace id is widened in traceparent and stays 64-bit in B3", (t) => {
  const short = traceId.slice(16);
  const trace = decider(1).decide(request({ b3: `${short}-${spanId}-1` }));
  t.is(
    traceHeaders(trace),
    `traceparent: 00-0000000000000000${short}-${trace.spanId}-01\r\nb3: ${short}-${trace.spanId}-1\r\n`,
  );
});

test("when both formats come in, W3C decides and both are rewritten: none is left stale", (t) => {
  const trace = decider(0).decide(
    request({
      traceparent: `00-${traceId}-${spanId}-01`,
      b3: `${"a".repeat(32)}-${"b".repeat(16)}-0`,
      "x-b3-traceid": "c".repeat(32),
      "x-b3-spanid": "d".repeat(16),
      "x-b3-sampled": "0",
    }),
  );
  t.like(trace, { traceId, parentSpanId: spanId, sampled: true, b3: "both" });
  const lines = traceHeaders(trace).split("\r\n");
  t.deepEqual(lines, [
    `traceparent: 00-${traceId}-${trace.spanId}-01`,
    `b3: ${traceId}-${trace.spanId}-1`,
    `X-B3-TraceId: ${traceId}`,
    `X-B3-SpanId: ${trace.spanId}`,
    "X-B3-Sampled: 1",
    "",
  ]);
  for (const line of lines.slice(0, -1)) {
    t.true(traceHeaderNames.includes(line.slice(0, line.indexOf(":")).toLowerCase()), line);
  }
});

test("a B3 decision without ids rules the trace that is started", (t) => {
  t.false(decider(1).decide(request({ b3: "0" })).sampled);
  t.true(decider(0).decide(request({ b3: "1" })).sampled);
  t.true(decider(0).decide(request({ "x-b3-sampled": "1" })).sampled);
  t.false(decider(1).decide(request({ "x-b3-sampled": "0" })).sampled);
});

test("B3 debug means sampled and is passed on as debug", (t) => {
  const single = decider(0).decide(request({ b3: `${traceId}-${spanId}-d` }));
  t.true(single.sampled);
  t.true(traceHeaders(single).endsWith(`b3: ${traceId}-${single.spanId}-d\r\n`));
  const multi = decider(0).decide(request({ "x-b3-traceid": traceId, "x-b3-spanid": spanId, "x-b3-flags": "1" }));
  t.true(multi.sampled);
  t.true(traceHeaders(multi).endsWith("X-B3-Flags: 1\r\n"));
});

test("B3 that cannot be read is replaced by what can", (t) => {
  const trace = decider(1).decide(request({ b3: "rubbish" }));
  t.is(trace.parentSpanId, "");
  t.true(traceHeaders(trace).includes(`b3: ${trace.traceId}-${trace.spanId}-1\r\n`));
});
