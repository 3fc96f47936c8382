// ListWatch and its line decoder under arbitrary orders of events and cuts: the copy ends as the original.
import { isDeepStrictEqual } from "node:util";
import test from "ava";
import {
  type Arbitrary,
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  infiniteStream,
  integer,
  oneof,
  property,
  record,
  string,
} from "fast-check";
import { LineDecoder } from "../../control-plane/kubernetes/line-decoder.ts";
import { ListWatch } from "../../control-plane/kubernetes/list-watch.ts";
import type { ApiObject } from "../../control-plane/kubernetes/object-store.ts";
import { until } from "../support/until.ts";
import { ApiServer } from "./kubernetes-api-server.ts";

const path = "/api/v1/pods";

const limits = { pageObjects: 2, firstBackoffMs: 2, maxBackoffMs: 10, steadyMs: 0, confirmDelayMs: 2 };

interface Kept {
  readonly color: string;
}

function pod(name: string, color: string): ApiObject {
  return { metadata: { namespace: "shop", name }, spec: { color } };
}

function keep(object: ApiObject): Kept {
  return { color: (object["spec"] as Kept).color };
}

function colors(watch: ListWatch<Kept>): Record<string, string> {
  return Object.fromEntries([...watch.objects].map(([key, { color }]) => [key, color]));
}

test("lines are whole however the bytes are cut", (t) => {
  assert(
    property(
      array(string({ unit: "grapheme" }).map((line) => line.replaceAll("\n", ""))),
      infiniteStream(integer({ min: 1, max: 7 })),
      (lines, sizes) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const decoder = new LineDecoder(1000);
        const found: string[] = [];
        for (let at = 0; at < bytes.length;) {
          const size = sizes.next().value as number;
          found.push(...decoder.push(bytes.subarray(at, at + size)));
          at += size;
        }
        t.deepEqual(
          found,
          lines.filter((line) => line.trim() !== ""),
        );
      },
    ),
  );
});

type Step =
  | { readonly do: "put"; readonly name: string; readonly color: string }
  | { readonly do: "remove"; readonly name: string }
  | { readonly do: "cut" | "end" | "compact" | "bookmark" | "error" | "garbage" | "breathe" };

const names = ["a", "b", "c", "d", "e", "f", "g", "h"] as const;

const steps = array(
  oneof(
    {
      weight: 6,
      arbitrary: record({
        do: constant("put" as const),
        name: constantFrom(...names),
        color: constantFrom("red", "blue"),
      }),
    },
    { weight: 3, arbitrary: record({ do: constant("remove" as const), name: constantFrom(...names) }) },
    {
      weight: 3,
      arbitrary: record({ do: constantFrom("cut", "end", "compact", "bookmark", "error", "garbage", "breathe") }),
    },
  ),
  { maxLength: 40 },
);

test("any order of events, cuts and expiries ends as a fresh list", async (t) => {
  await assert(
    asyncProperty(steps as Arbitrary<Step[]>, async (run) => {
      const server = new ApiServer([path]);
      await server.start();
      const seen = new Map<string, string>();
      const watch: ListWatch<Kept> = new ListWatch<Kept>({
        kubeConfig: server.kubeConfig,
        path,
        keep,
        limits,
        // Whoever follows the changes alone knows as much as the copy.
        onChange: (keys) => {
          for (const key of keys) {
            const kept = watch.objects.get(key);
            if (kept === undefined) seen.delete(key);
            else seen.set(key, kept.color);
          }
        },
      });
      watch.start();
      try {
        for (const step of run) await perform(server, step);
        server.put(path, pod("last", "red"));
        const truth = (): Record<string, string> =>
          Object.fromEntries([...server.objects(path)].map(([key, object]) => [key, keep(object).color]));
        await until(() => isDeepStrictEqual(colors(watch), truth()));
        t.deepEqual(Object.fromEntries(seen), truth());
      } finally {
        await watch.close();
        await server.stop();
      }
    }),
    { numRuns: 60 },
  );
});

async function perform(server: ApiServer, step: Step): Promise<void> {
  switch (step.do) {
    case "put":
      return server.put(path, pod(step.name, step.color));
    case "remove":
      return server.remove(path, pod(step.name, ""));
    case "cut":
    case "end":
      return server.cut(path, step.do);
    case "compact":
      server.compact(path);
      return server.cut(path);
    case "bookmark":
      return server.bookmark(path);
    case "error":
      return server.write(path, JSON.stringify({ type: "ERROR", object: { code: 410, reason: "Expired" } }));
    case "garbage":
      return server.write(path, "{");
    case "breathe":
      return new Promise((resolve) => {
        setTimeout(resolve, 3);
      });
  }
}
