// A small API server over real HTTP: lists in pages, watches with bookmarks, versions that expire; and everything that
// goes wrong on purpose. Objects are whatever the test puts; nothing is validated.
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import type { ApiObject } from "../../control-plane/kubernetes/object-store.ts";
import { keyOf } from "../../control-plane/kubernetes/object-store.ts";

interface Event {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: ApiObject;
}

interface Resource {
  objects: Map<string, ApiObject>;
  events: Event[];
  /** Watches from before this are answered 410. */
  oldest: number;
  readonly watches: Set<ServerResponse>;
}

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly message?: string;
}

export class ApiServer {
  /** Every request's path and query, in order. */
  readonly requests: URL[] = [];
  readonly tokens: (string | undefined)[] = [];
  /** When it returns an answer, the request gets that one. */
  refuse: (url: URL) => Answer | null = () => null;
  /** Requests for which it returns true are never answered. */
  ignore: (url: URL) => boolean = () => false;
  /** What a list says, other than the truth. */
  distort: (path: string, items: readonly ApiObject[]) => readonly ApiObject[] = (_, items) => items;
  readonly #server: Server;
  readonly #resources = new Map<string, Resource>();
  readonly #snapshots = new Map<string, { readonly items: readonly ApiObject[]; readonly version: number }>();
  #version = 100;
  #port = 0;

  constructor(paths: readonly string[]) {
    for (const path of paths) this.install(path);
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Every connection ends; start() opens the same port again. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    this.#server.closeAllConnections();
    await closed;
  }

  get kubeConfig(): KubeConfig {
    const config = new KubeConfig();
    const server = `http://127.0.0.1:${this.#port}`;
    config.loadFromClusterAndUser({ name: "test", server, skipTLSVerify: true }, { name: "test" });
    return config;
  }

  install(path: string): void {
    this.#resources.set(path, { objects: new Map(), events: [], oldest: 0, watches: new Set() });
  }

  uninstall(path: string): void {
    const resource = this.#resource(path);
    for (const object of resource.objects.values()) this.remove(path, object);
    this.#resources.delete(path);
    for (const watch of resource.watches) watch.end();
  }

  put(path: string, ...objects: readonly ApiObject[]): void {
    const resource = this.#resource(path);
    for (const given of objects) {
      const object = this.#versioned(given);
      const type = resource.objects.has(keyOf(object)) ? "MODIFIED" : "ADDED";
      resource.objects.set(keyOf(object), object);
      this.#tell(resource, { version: this.#version, type, object });
    }
  }

  remove(path: string, given: ApiObject): void {
    const resource = this.#resource(path);
    const object = this.#versioned(given);
    if (resource.objects.delete(keyOf(object)))
      this.#tell(resource, { version: this.#version, type: "DELETED", object });
  }

  objects(path: string): ReadonlyMap<string, ApiObject> {
    return this.#resource(path).objects;
  }

  watchCount(path: string): number {
    return this.#resource(path).watches.size;
  }

  /** Cuts the watches in the middle of things, or ends them in order. */
  cut(path: string, how: "cut" | "end" = "cut"): void {
    for (const watch of this.#resource(path).watches)
      if (how === "cut") watch.destroy();
      else watch.end();
    this.#resource(path).watches.clear();
  }

  /** Forgets the past: no watch can resume from an earlier version. */
  compact(path: string): void {
    const resource = this.#resource(path);
    resource.events = [];
    this.#version += 1;
    resource.oldest = this.#version;
  }

  bookmark(path: string): void {
    this.#version += 1;
    this.write(
      path,
      JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(this.#version) } } }),
    );
  }

  /** A line of the test's own making on every watch. */
  write(path: string, line: string): void {
    for (const watch of this.#resource(path).watches) watch.write(`${line}\n`);
  }

  expireContinuations(): void {
    this.#snapshots.clear();
  }

  #resource(path: string): Resource {
    const resource = this.#resources.get(path);
    if (resource === undefined) throw new Error(`not installed: ${path}`);
    return resource;
  }

  #versioned(object: ApiObject): ApiObject {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }

  #tell(resource: Resource, event: Event): void {
    resource.events.push(event);
    for (const watch of resource.watches) watch.write(eventLine(event));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://test");
    this.requests.push(url);
    this.tokens.push(request.headers.authorization);
    if (this.ignore(url)) return;
    const refusal = this.refuse(url);
    const resource = this.#resources.get(url.pathname);
    if (refusal !== null) sendStatus(response, refusal);
    else if (resource === undefined) sendStatus(response, { status: 404, reason: "NotFound" });
    else if (url.searchParams.get("watch") === "1") this.#watch(resource, url, response);
    else this.#list(resource, url, response);
  }

  #list(resource: Resource, url: URL, response: ServerResponse): void {
    const token = url.searchParams.get("continue");
    const [id, from] =
      token === null ? [String(this.#snapshots.size + 1), 0] : [token.split(":")[0] ?? "", Number(token.split(":")[1])];
    if (token === null) {
      const items = this.distort(url.pathname, [...resource.objects.values()]);
      this.#snapshots.set(id, { items, version: this.#version });
    }
    const snapshot = this.#snapshots.get(id);
    if (snapshot === undefined) return sendStatus(response, { status: 410, reason: "Expired" });
    const to = from + Number(url.searchParams.get("limit"));
    const isLast = to >= snapshot.items.length;
    if (isLast) this.#snapshots.delete(id);
    const metadata = { resourceVersion: String(snapshot.version), ...(!isLast && { continue: `${id}:${to}` }) };
    response.end(JSON.stringify({ metadata, items: snapshot.items.slice(from, to) }));
  }

  #watch(resource: Resource, url: URL, response: ServerResponse): void {
    const since = Number(url.searchParams.get("resourceVersion"));
    if (since < resource.oldest) return sendStatus(response, { status: 410, reason: "Expired" });
    response.flushHeaders();
    for (const event of resource.events) if (event.version > since) response.write(eventLine(event));
    resource.watches.add(response);
    response.on("close", () => resource.watches.delete(response));
  }
}

function eventLine({ type, object }: Event): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function sendStatus(response: ServerResponse, { status, reason, message = reason }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ kind: "Status", reason, message, code: status }));
}
