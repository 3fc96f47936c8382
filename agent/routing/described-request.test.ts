// Requests from descriptions.
import test from "ava";
import { describedRequest } from "./described-request.ts";

function read(url: string, ...headers: readonly (readonly [string, string])[]) {
  const request = describedRequest({ method: "GET", url, headers });
  return { host: request.host, path: request.path, query: request.query, authority: request.header("host") };
}

test("a URL is taken apart as the agent takes a request apart", (t) => {
  t.deepEqual(read("http://Shop.example:8080/a/%2F/../b?x=1&y#top"), {
    host: "shop.example",
    path: "/a/%2F/../b",
    query: "x=1&y",
    authority: "Shop.example:8080",
  });
  t.deepEqual(read("https://user@shop.example"), {
    host: "shop.example",
    path: "/",
    query: "",
    authority: "shop.example",
  });
  t.is(read("http://[::1]:8080/").host, "[::1]");
  t.is(read("http://shop.example?x").query, "x");
});

test("a Host header overrides the URL, and its port does not count", (t) => {
  const { host } = read("http://127.0.0.1/hello", ["host", "traffic.split.example:8080"]);
  t.is(host, "traffic.split.example");
});

test("what is not an absolute URL is refused", (t) => {
  for (const url of ["", "/path", "shop.example/path", "http://", "http:///path"]) {
    t.throws(() => read(url), { message: /not an absolute URL/ }, url);
  }
});
