// What injected pods say to each other arrives as it was said: header bytes, HTTP/1.0, and protocols that are not HTTP,
// those in which the server has the first word included.
import test from "ava";
import type { Exchange, ExchangeInput, Heard } from "./programs/exchange.ts";
import { Mesh, service } from "./support/mesh.ts";

const mesh = Mesh.use(test, "protocols");
const answerLines = [
  "X-CamelCase: Kept",
  "Set-Cookie: a=1",
  "set-cookie: a=1",
  "SET-COOKIE: b=2",
  "X-Odd: \xe9\xff\x80",
];
const headers = answerLines.map((line) => `${line}\r\n`).join("");
const greetedPorts = [3306, 2525, 6379, 7777];

test.serial.before("servers and a client", async () => {
  const server = (name: string, input: object) => ({
    name,
    program: "raw-server.ts",
    input: { port: 8080, version: name, ...input },
    ports: [8080],
  });
  await mesh.apply([
    ...["server", "closing"].map((name) => service({ name, ports: [[80, 8080]] })),
    service({ name: "greeter", ports: greetedPorts.map((port) => [port, port]) }),
  ]);
  await mesh.start(
    server("server", { headers }),
    server("closing", { closeDelimited: true }),
    { name: "greeter", program: "greeter.ts", ports: [3306, 2525, 6379] },
    mesh.client("client"),
  );
});

const exchange = (exchanges: readonly Exchange[], concurrency = 1): Promise<Heard[]> =>
  mesh.run("client", "exchange.ts", { exchanges, concurrency } satisfies ExchangeInput);

/** What the agents add to a request that has no trace. */
const added = /^traceparent: /i;

test("pain 19: letter case, order, duplicates and bytes of header lines are unchanged, both ways", async (t) => {
  const lines = [
    "GET /bytes?x=%C3%A9 HTTP/1.1",
    "hOsT: server",
    "X-CamelCase: Kept",
    "x-camelcase: twice",
    "COOKIE: a=1; b=2",
    "X-Odd: \xe9\xff\x80 obs-text",
    "Accept:   spaces before",
  ];
  const send = `${lines.join("\r\n")}\r\n\r\n`;
  const recorded = "GET /recorded HTTP/1.1\r\nHost: server\r\n\r\n";
  const [answer, list] = await exchange([
    { host: "server", port: 80, send, until: "\r\n\r\nserver" },
    { host: "server", port: 80, send: recorded, until: "]" },
  ]);
  t.deepEqual(answer?.text.split("\r\n"), ["HTTP/1.1 200 Fine", ...answerLines, "Content-Length: 6", "", "server"]);
  const heads = JSON.parse(list?.text.split("\r\n\r\n")[1] ?? "[]") as string[];
  const head = heads.find((one) => one.startsWith("GET /bytes")) ?? "";
  t.deepEqual(
    head.split("\r\n").filter((line) => !added.test(line)),
    [...lines, "", ""],
  );
  t.regex(head, /\r\ntraceparent: /i, "and it went through the agents");
});

const isOk = ({ text, closed, error }: Heard): boolean =>
  closed && error === "" && text.startsWith("HTTP/1.1 200 ") && !/transfer-encoding/i.test(text);

test("pain 20: HTTP/1.0 gets 200 and a closed connection, framed for HTTP/1.0", async (t) => {
  for (const host of ["server", "closing"]) {
    for (const head of [`Host: ${host}\r\n`, "", `Host: ${host}\r\nUser-Agent: curl/8\r\nAccept: */*\r\n`]) {
      const [heard] = await exchange([{ host, port: 80, send: `GET / HTTP/1.0\r\n${head}\r\n` }]);
      t.true(heard !== undefined && isOk(heard), JSON.stringify(heard));
      t.true(heard?.text.endsWith(`\r\n\r\n${host}`));
    }
  }
});

test("pain 20: 400 connections without keep-alive, ten at a time, all get 200 and are closed", async (t) => {
  const one = (host: string, version: string): Exchange => ({
    host,
    port: 80,
    send: `GET / HTTP/${version}\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    times: 100,
  });
  const heard = await exchange(
    [one("server", "1.0"), one("closing", "1.0"), one("server", "1.1"), one("closing", "1.1")],
    10,
  );
  t.is(heard.length, 400);
  const wrong = heard.filter(({ text, closed, error }) => !closed || error !== "" || !text.startsWith("HTTP/1.1 200 "));
  t.deepEqual(wrong, []);
});

const conversations: readonly (readonly [string, Pick<Exchange, "port" | "send" | "reply" | "until">])[] = [
  ["MySQL", { port: 3306, send: "", reply: "\x01\x00\x00\x01\x0e", until: "\x02\x00\x01\x00\x00\x01\x0e" }],
  ["SMTP", { port: 2525, send: "", reply: "EHLO heddle\r\n", until: "ESMTP\r\nEHLO heddle\r\n" }],
  ["Redis", { port: 6379, send: "*1\r\n$4\r\nPING\r\n", until: "+PONG\r\n" }],
  ["an unknown server on an undeclared port", { port: 7777, send: "", reply: "echo", until: "hello\necho" }],
];

for (const [name, conversation] of conversations) {
  test.serial(`pain 15: ${name} between injected pods: the first byte comes in 200 ms`, async (t) => {
    for (const host of ["greeter", await mesh.podAddress("greeter")]) {
      // The least of five: what else the machine does can only add to it, and a wait of an agent is in each.
      const heard = await exchange([{ ...conversation, host, times: 5 }]);
      for (const { error } of heard) t.is(error, "");
      const took = heard.map(({ connectMs, firstByteMs }) => connectMs + firstByteMs);
      t.log(host, took.map(Math.round).join(" "), "ms");
      t.true(Math.min(...took) < 200, `${took.join(" ")} ms`);
    }
  });
}
