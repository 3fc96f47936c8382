// One kind of object, listed and watched for as long as the process lives: the local copy is the API server's, a moment
// late. Owns listing in pages, resuming, backoff and the judgement of a connection; what is kept of an object is the
// caller's, and object-store.ts holds it.
//
//   phase    | it goes well                      | 404, kind absent    | expired (410)      | any other failure
//   listing  | replace all at once -> watching   | twice -> missing    | list again         | wait, list again
//   missing  | replace all at once -> watching   | wait, list again    | list again         | wait, list again
//   watching | events; ended, silent -> resuming | -> listing          | -> listing         | wait -> resuming
//   resuming | as watching, from the last version seen
//
// Nothing but a list or an event changes what is kept, and the second 404 of a kind that may be absent.
// Waits grow from 0.1 to 10 s, with jitter, and begin anew once a watch has said something.
import type { IncomingMessage } from "node:http";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Clock, systemClock } from "../discovery/clock.ts";
import { type Logger, silentLogger } from "../discovery/logger.ts";
import { openResponse, readBody } from "./client.ts";
import { LineDecoder } from "./line-decoder.ts";
import { type Failure, WatchError, describeFailure } from "./list-watch-failure.ts";
import { type ListWatchLimits, defaultListWatchLimits } from "./list-watch-limits.ts";
import { type ApiObject, ObjectStore, keyOf } from "./object-store.ts";

/** How the copy stands to the original. The objects of a broken or missing kind are the last ones known. */
export type ListWatchHealth =
  /** Before the first list and between a list and its watch. */
  | { readonly state: "listing" }
  /** Watched: a change arrives when it happens. */
  | { readonly state: "current" }
  /** The API server does not have this kind. */
  | { readonly state: "missing" }
  | {
      readonly state: "broken";
      readonly sinceMs: number;
      readonly failures: number;
      readonly status: number;
      readonly message: string;
    };

export interface ListWatchOptions<Kept extends object> {
  readonly kubeConfig: KubeConfig;
  /** For example /apis/gateway.networking.k8s.io/v1/httproutes; of several versions of one kind the first served. */
  readonly path: string | readonly [string, ...string[]];
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Asked when the server answers 404: whether the kind may be absent. By default never: that is a failure then. */
  readonly isAbsent?: () => boolean;
  /** Asks for metadata only: objects have apiVersion, kind and metadata. */
  readonly metadataOnly?: boolean;
  /** What to keep of an object; null for nothing. Equal results keep the identity of the first. */
  readonly keep: (object: ApiObject) => Kept | null;
  /** How much a kept object counts when a list is judged to have shrunk; 1 each by default. */
  readonly weigh?: (kept: Kept) => number;
  /** Once, after the first list. */
  readonly onSynced?: () => void;
  /** After `objects` changed: all keys that were added, changed or removed together. */
  readonly onChange?: (keys: readonly string[]) => void;
  readonly onHealth?: (health: ListWatchHealth) => void;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** In [0, 1), for jitter. */
  readonly random?: () => number;
  readonly limits?: Partial<ListWatchLimits>;
}

export class ListWatch<Kept extends object> {
  readonly #options: ListWatchOptions<Kept>;
  readonly #limits: ListWatchLimits;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #store: ObjectStore<Kept>;
  readonly #paths: readonly [string, ...string[]];
  #path: string;
  #pageLimit: number;
  #health: ListWatchHealth = { state: "listing" };
  #isSynced = false;
  #isClosed = false;
  /** Of the request under way. */
  #abort: AbortController | null = null;
  /** In a row. */
  #failures = 0;
  /** Answers of 404 in a row, for a kind that may be absent. */
  #missing = 0;
  #wake: (() => void) | null = null;
  #running: Promise<void> | null = null;

  constructor(options: ListWatchOptions<Kept>) {
    this.#options = options;
    this.#limits = { ...defaultListWatchLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#random = options.random ?? Math.random;
    this.#store = new ObjectStore((object) => this.#keep(object));
    this.#paths = typeof options.path === "string" ? [options.path] : options.path;
    this.#path = this.#paths[0];
    this.#pageLimit = this.#limits.pageObjects;
  }

  /** By "namespace/name", or "name" without namespace. Another map after a list, the same one after an event. */
  get objects(): ReadonlyMap<string, Kept> {
    return this.#store.objects;
  }

  /** Whether a whole list was read once, or the kind is known to be missing. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  get health(): ListWatchHealth {
    return this.#health;
  }

  /** Begins; failures are waited for and tried again until close(). */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Looks for a missing kind now: something says that it is there. */
  retryNow(): void {
    if (this.#health.state === "missing") this.#wake?.();
  }

  /** Ends every request; no callback is called afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#abort?.abort();
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    let version: string | null = null;
    while (!this.#isClosed) {
      try {
        version ??= await this.#list();
        if (this.#isClosed) return;
        version = await this.#watch(version);
      } catch (error) {
        if (this.#isClosed) return;
        const failure = describeFailure(error);
        // What a resume cannot mend: the version is forgotten, unknown to this server, or an event was lost.
        if (failure.needsList) version = null;
        if (failure.status === 404) await this.#onNotFound(failure);
        else if (failure.status === 410 && this.#failures === 0) this.#failures = 1;
        else await this.#onFailure(failure);
      }
    }
  }

  /** Reads all pages, replaces the objects and returns the version that they are of. */
  async #list(): Promise<string> {
    let { objects, version } = await this.#readPages();
    const before = this.#weight(this.#store.objects);
    if (this.#isSynced && before >= this.#limits.doubtedWeight && this.#weight(objects) < before / 2) {
      this.#logger.warn({ path: this.#path, before, now: this.#weight(objects) }, "list shrank; listing once more");
      await this.#wait(this.#limits.confirmDelayMs);
      ({ objects, version } = await this.#readPages());
    }
    if (this.#isClosed) return version;
    this.#missing = 0;
    this.#setHealth({ state: "listing" });
    this.#replace(objects);
    return version;
  }

  #replace(objects: Map<string, Kept>): void {
    const changed = this.#store.replace(objects);
    const isFirst = !this.#isSynced;
    this.#isSynced = true;
    if (changed.length > 0) this.#options.onChange?.(changed);
    if (isFirst) this.#options.onSynced?.();
  }

  async #readPages(): Promise<{ objects: Map<string, Kept>; version: string }> {
    const objects = new Map<string, Kept>();
    let token = "";
    for (;;) {
      const page = await this.#readPage(token);
      // Narrowed at once: one page is all that is held of what the server sends.
      for (const item of page.items ?? []) this.#store.collect(item, objects);
      token = page.metadata.continue ?? "";
      if (token === "") return { objects, version: page.metadata.resourceVersion ?? "0" };
    }
  }

  async #readPage(token: string): Promise<ListPage> {
    for (;;) {
      const query = { limit: String(this.#pageLimit), ...(token !== "" && { continue: token }) };
      try {
        const accept = this.#options.metadataOnly
          ? "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
          : "";
        const text = await this.#request(query, accept, (body) => readBody(body, this.#limits.maxPageBytes));
        return JSON.parse(text) as ListPage;
      } catch (error) {
        if (!(error instanceof RangeError) || this.#pageLimit === 1) throw error;
        this.#pageLimit = Math.ceil(this.#pageLimit / 4);
      }
    }
  }

  /** Follows events until the server ends the watch; returns the version to resume from. */
  async #watch(fromVersion: string): Promise<string> {
    const { watchTimeoutMs, maxLineBytes } = this.#limits;
    // Between half of it and all of it: the watches of a process must not all end at once.
    const timeoutSeconds = Math.ceil((watchTimeoutMs * (1 + this.#random())) / 2000);
    const query = {
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: fromVersion,
      timeoutSeconds: String(timeoutSeconds),
    };
    let version = fromVersion;
    const decoder = new LineDecoder(maxLineBytes);
    let openedMs = Number.POSITIVE_INFINITY;
    let hasSpoken = false;
    const hasLived = (): boolean => hasSpoken || this.#clock.monotonicMs() - openedMs >= this.#limits.steadyMs;
    try {
      await this.#request(
        query,
        this.#options.metadataOnly ? "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1" : "",
        async (body) => {
          openedMs = this.#clock.monotonicMs();
          this.#setHealth({ state: "current" });
          for await (const chunk of body) {
            const changed: string[] = [];
            try {
              for (const line of decoder.push(chunk)) {
                version = this.#apply(JSON.parse(line) as WatchEvent, changed) ?? version;
                hasSpoken = true;
              }
            } finally {
              // What came before a bad line has happened.
              if (changed.length > 0 && !this.#isClosed) this.#options.onChange?.([...new Set(changed)]);
            }
          }
        },
      );
    } catch (error) {
      // Silence and cuts after some life are ordinary; what follows is a resume, not a failure.
      const isOver = this.#isClosed || describeFailure(error).needsList;
      if (isOver || !hasLived()) throw error;
      this.#logger.debug({ path: this.#path, error: String(error) }, "watch broke; resuming");
      return version;
    } finally {
      if (hasLived()) this.#failures = 0;
      if (this.#health.state === "current") this.#setHealth({ state: "listing" });
    }
    if (!hasLived()) throw new Error("watch ended at once");
    return version;
  }

  /** Returns the version that the event carries; throws for ERROR events. */
  #apply(event: WatchEvent, changed: string[]): string | undefined {
    switch (event.type) {
      case "ADDED":
      case "MODIFIED":
        if (this.#store.put(event.object)) changed.push(keyOf(event.object));
        return event.object.metadata.resourceVersion;
      case "DELETED":
        if (this.#store.delete(keyOf(event.object))) changed.push(keyOf(event.object));
        return event.object.metadata.resourceVersion;
      case "BOOKMARK":
        return event.object.metadata.resourceVersion;
      case "ERROR":
        throw WatchError.fromStatus(event.object);
      default:
        throw new WatchError(500, `event of unknown type ${JSON.stringify((event as { type: unknown }).type)}`);
    }
  }

  /** One request, from sending to the end of its body; fails when nothing is heard for too long. */
  async #request<Result>(
    query: Readonly<Record<string, string>>,
    accept: string,
    read: (body: AsyncIterable<Uint8Array>) => Promise<Result>,
  ): Promise<Result> {
    const { labelSelector, fieldSelector, kubeConfig } = this.#options;
    const parameters = new URLSearchParams({
      ...query,
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    });
    const abort = new AbortController();
    this.#abort = abort;
    const { signal } = abort;
    if (this.#isClosed) abort.abort();
    let heardMs = this.#clock.monotonicMs();
    let limitMs = this.#limits.responseTimeoutMs;
    let cancel: () => void;
    const check = (): void => {
      const leftMs = heardMs + limitMs - this.#clock.monotonicMs();
      if (leftMs <= 0) abort.abort(new Error(`nothing heard for ${limitMs} ms`));
      else cancel = this.#clock.schedule(leftMs, check);
    };
    cancel = this.#clock.schedule(limitMs, check);
    let response: IncomingMessage | undefined;
    try {
      const path = `${this.#path}?${parameters.toString()}`;
      response = await openResponse(kubeConfig, path, { accept: accept || "application/json", signal });
      heardMs = this.#clock.monotonicMs();
      limitMs = query["watch"] === undefined ? this.#limits.responseTimeoutMs : this.#limits.silenceMs;
      const heard = (): void => {
        heardMs = this.#clock.monotonicMs();
      };
      return await read(listen(response, heard));
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      cancel();
      this.#abort = null;
      response?.destroy();
    }
  }

  /** Looks at the other versions first. An absence is believed the second time: servers that start say 404 too. */
  async #onNotFound(failure: Failure): Promise<void> {
    const index = (this.#paths.indexOf(this.#path) + 1) % this.#paths.length;
    this.#path = this.#paths[index] ?? this.#paths[0];
    if (index !== 0) return;
    if (this.#options.isAbsent?.() !== true) return this.#onFailure(failure);
    this.#missing += 1;
    if (this.#missing >= 2) {
      this.#setHealth({ state: "missing" });
      this.#replace(new Map());
      await this.#wait(this.#limits.missingRetryMs);
    } else await this.#wait(this.#limits.confirmDelayMs);
  }

  async #onFailure({ status, message }: Failure): Promise<void> {
    const sinceMs = this.#health.state === "broken" ? this.#health.sinceMs : this.#clock.monotonicMs();
    this.#failures += 1;
    this.#missing = 0;
    const log = this.#failures === 1 ? this.#logger.debug : this.#logger.warn;
    // Once an outage: the rest of it is in health.
    if (this.#failures <= 2)
      log.call(this.#logger, { path: this.#path, status, error: message }, "cannot list and watch; trying again");
    this.#setHealth({ state: "broken", sinceMs, failures: this.#failures, status, message });
    const { firstBackoffMs, maxBackoffMs } = this.#limits;
    const fullMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures - 1, 20));
    await this.#wait((fullMs * (1 + this.#random())) / 2);
  }

  #keep(object: ApiObject): Kept | null {
    try {
      return this.#options.keep(object);
    } catch (error) {
      // A fault of ours, or of an object unlike any that its schema allows: the others go on.
      this.#logger.error({ path: this.#path, object: keyOf(object), error: String(error) }, "object cannot be read");
      return null;
    }
  }

  #weight(objects: ReadonlyMap<string, Kept>): number {
    const { weigh } = this.#options;
    if (weigh === undefined) return objects.size;
    let weight = 0;
    for (const kept of objects.values()) weight += weigh(kept);
    return weight;
  }

  #setHealth(health: ListWatchHealth): void {
    if (this.#isClosed || (health.state !== "broken" && health.state === this.#health.state)) return;
    this.#health = health;
    this.#options.onHealth?.(health);
  }

  #wait(delayMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#wake = null;
        resolve();
      };
      const cancel = this.#clock.schedule(delayMs, end);
      this.#wake = end;
    });
  }
}

interface ListPage {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly ApiObject[];
}

interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: ApiObject;
}

async function* listen(response: AsyncIterable<Uint8Array>, heard: () => void): AsyncIterable<Uint8Array> {
  for await (const chunk of response) {
    heard();
    yield chunk;
  }
}
