// One agent as the server knows it: what it asked for, what it was sent, what it acknowledged, what it refused.
// The server's half of the state table in proto/README.md, without I/O: discovery/stream.ts feeds it and writes what
// it returns. "Sent" (`#inFlight`, sentGeneration) and "acknowledged" (`#held`, `#answers`, acknowledgedGeneration) are
// separate throughout: only an ack turns the one into the other.
//
//   state      | next(snapshot)                    | ack               | nack
//   idle       | differs: response, -> in flight   | stale: counted    | stale: counted
//              | same: generation moves, silent    |                   |
//   in flight  | null; ask again after the answer  | held := sent      | refused versions withheld; held stays
import type { Answer, DiscoveryResponse, Hello, Node, ResourceError, ResourceName } from "../../proto/messages.ts";
import { resourceTypeNames, type ResourceTypeName } from "../../proto/discovery.ts";
import { resourceKey, type ResourceKey } from "./resource.ts";
import { effectiveSet, heldCopyOf, type HeldResource } from "./effective-set.ts";
import { closureOf, resolveSubscription, type Resolution } from "./scope.ts";
import type { Snapshot } from "./snapshot.ts";

/** The last refusal of an agent, for people. */
export interface Nack {
  readonly generation: string;
  readonly atMs: number;
  readonly errors: readonly ResourceError[];
}

export type AcknowledgeOutcome = "acknowledged" | "refused" | "stale";

interface InFlight {
  readonly nonce: string;
  readonly generation: string;
  readonly held: ReadonlyMap<ResourceKey, HeldResource>;
  readonly answers: Map<string, Answer>;
  readonly response: DiscoveryResponse;
}

/** State of one stream. */
export class Subscriber {
  readonly node: Node;
  readonly #subscriptions = new Set<string>();
  readonly #withheld = new Map<ResourceKey, string>();
  #held: ReadonlyMap<ResourceKey, HeldResource>;
  #answers = new Map<string, Answer>();
  #inFlight: InFlight | null = null;
  #refusedContent: string | null = null;
  #nonceCounter = 0;
  #wasAnswered = false;
  #sentGeneration = "";
  #acknowledgedGeneration = "";
  #lastNack: Nack | null = null;

  /** `hello` says what the agent holds already; `snapshot` tells which of those versions this replica knows. */
  constructor(node: Node, hello: Pick<Hello, "subscriptions" | "knownResources">, snapshot: Snapshot) {
    this.node = node;
    for (const name of hello.subscriptions) this.#subscriptions.add(name);
    const held = new Map<ResourceKey, HeldResource>();
    for (const known of hello.knownResources) {
      if (!isKnownType(known.type)) continue;
      const key = resourceKey(known.type, known.name);
      const current = snapshot.resources.get(key);
      held.set(
        key,
        current?.version === known.version ? heldCopyOf(current) : { version: known.version, resource: null },
      );
    }
    this.#held = held;
  }

  get subscriptions(): ReadonlySet<string> {
    return this.#subscriptions;
  }

  /** Generation of the last response sent, or one that needed no response. "" before the first. */
  get sentGeneration(): string {
    return this.#sentGeneration;
  }

  /** Generation of the last response acknowledged, or one that the agent held whole without being told. */
  get acknowledgedGeneration(): string {
    return this.#acknowledgedGeneration;
  }

  get isInFlight(): boolean {
    return this.#inFlight !== null;
  }

  get lastNack(): Nack | null {
    return this.#lastNack;
  }

  /** "TYPE/name" -> the version that is kept from this agent because it refused it. */
  get withheld(): ReadonlyMap<ResourceKey, string> {
    return this.#withheld;
  }

  /** "TYPE/name" -> the version that the agent acknowledged. */
  get acknowledgedVersions(): ReadonlyMap<ResourceKey, { readonly version: string }> {
    return this.#held;
  }

  subscribe(name: string): void {
    this.#subscriptions.add(name);
  }

  /** Forgets the name and its answer, also the one on its way: subscribing again is answered again. */
  unsubscribe(name: string): void {
    this.#subscriptions.delete(name);
    this.#answers.delete(name);
    this.#inFlight?.answers.delete(name);
  }

  /**
   * The response that brings the agent to `snapshot`, or null when one is in flight or nothing differs for it. The
   * first response of a stream is sent even when it is empty: it tells the agent that it is up to date.
   */
  next(snapshot: Snapshot): DiscoveryResponse | null {
    if (this.#inFlight !== null) return null;
    const target = this.#target(snapshot);
    const response = this.#difference(snapshot, target);
    const isEmpty =
      response.resources.length === 0 && response.removedResources.length === 0 && response.answers.length === 0;
    if (isEmpty && this.#wasAnswered) {
      if (this.#withheld.size === 0) this.#sentGeneration = this.#acknowledgedGeneration = snapshot.generation;
      return null;
    }
    if (this.#refusedContent !== null && this.#refusedContent === contentOf(response)) return null;
    this.#nonceCounter += 1;
    response.nonce = `${this.#nonceCounter}`;
    this.#inFlight = { ...target, nonce: response.nonce, generation: snapshot.generation, response };
    this.#sentGeneration = snapshot.generation;
    this.#wasAnswered = true;
    return response;
  }

  /** The agent's answer to a response. A nonce other than that of the response in flight changes nothing. */
  acknowledge(nonce: string, errors: readonly ResourceError[], atMs: number): AcknowledgeOutcome {
    const inFlight = this.#inFlight;
    if (inFlight === null || inFlight.nonce !== nonce) return "stale";
    this.#inFlight = null;
    if (errors.length === 0) {
      this.#held = inFlight.held;
      this.#answers = inFlight.answers;
      this.#acknowledgedGeneration = inFlight.generation;
      this.#refusedContent = null;
      return "acknowledged";
    }
    this.#lastNack = { generation: inFlight.generation, atMs, errors };
    this.#refusedContent = contentOf(inFlight.response);
    const sent = new Map<ResourceKey, string>();
    for (const { type, name, version } of inFlight.response.resources) sent.set(`${type}/${name}`, version);
    const named = new Set<ResourceKey>(errors.map((error) => `${error.type}/${error.name}`));
    // A nack that names nothing of what was sent could be about any of it.
    const isNamed = [...sent.keys()].some((key) => named.has(key));
    for (const [key, version] of sent) if (!isNamed || named.has(key)) this.#withheld.set(key, version);
    return "refused";
  }

  #target(snapshot: Snapshot): Pick<InFlight, "held" | "answers"> {
    const resolutions = new Map<string, Resolution>();
    const roots: ResourceKey[] = [];
    for (const name of this.#subscriptions) {
      const resolution = resolveSubscription(snapshot, this.node, name);
      resolutions.set(name, resolution);
      roots.push(...rootsOf(resolution));
    }
    this.#endWithholding(snapshot, roots);
    const first = effectiveSet(snapshot, roots, this.#held, this.#withheld);
    const earlierRoots: ResourceKey[] = [];
    const answers = new Map<string, Answer>();
    for (const [name, resolution] of resolutions) {
      const answer = this.#answerFor(name, resolution, first.missing);
      if (answer === this.#answers.get(name)) earlierRoots.push(...rootsOfAnswer(answer));
      answers.set(name, answer);
    }
    const held =
      this.#withheld.size === 0
        ? first.resources
        : effectiveSet(snapshot, roots, this.#held, this.#withheld, earlierRoots).resources;
    return { held, answers };
  }

  /** A refused version that is not current, or that no subscription needs, is not withheld any more. */
  #endWithholding(snapshot: Snapshot, roots: readonly ResourceKey[]): void {
    if (this.#withheld.size === 0) return;
    const needed = new Map(
      roots.flatMap((root) => closureOf(snapshot, root)).map(({ key, version }) => [key, version]),
    );
    for (const [key, version] of this.#withheld) if (needed.get(key) !== version) this.#withheld.delete(key);
  }

  #answerFor(name: string, resolution: Resolution, missing: ReadonlySet<ResourceKey>): Answer {
    if (!resolution.found) return { subscription: name, state: "NOT_FOUND", listeners: [], workload: "" };
    const listeners = resolution.listeners.filter((listener) => !missing.has(resourceKey("LISTENER", listener)));
    const isWithheld =
      missing.size > 0 &&
      listeners.length === 0 &&
      rootsOf(resolution).length > 0 &&
      rootsOf(resolution).every((root) => missing.has(root));
    if (!isWithheld) return { subscription: name, state: "FOUND", listeners, workload: resolution.workload };
    const earlier = this.#answers.get(name);
    if (earlier?.state === "FOUND" && rootsOfAnswer(earlier).every((root) => this.#held.has(root))) return earlier;
    return { subscription: name, state: "WITHHELD", listeners: [], workload: "" };
  }

  #difference(snapshot: Snapshot, target: Pick<InFlight, "held" | "answers">): DiscoveryResponse {
    const response: DiscoveryResponse = {
      generation: snapshot.generation,
      nonce: "",
      resources: [],
      removedResources: [],
      answers: [],
    };
    for (const [key, entry] of target.held) {
      if (entry.resource !== null && this.#held.get(key)?.version !== entry.version) {
        response.resources.push(entry.resource.wire);
      }
    }
    for (const key of this.#held.keys()) if (!target.held.has(key)) response.removedResources.push(nameOf(key));
    for (const [name, answer] of target.answers) {
      if (!isSameAnswer(this.#answers.get(name), answer)) response.answers.push(answer);
    }
    return response;
  }
}

function rootsOf(resolution: Resolution): readonly ResourceKey[] {
  return resolution.found ? rootsOfAnswer(resolution) : [];
}

function rootsOfAnswer(answer: {
  readonly listeners: readonly string[];
  readonly workload: string;
}): readonly ResourceKey[] {
  const roots = answer.listeners.map((listener) => resourceKey("LISTENER", listener));
  if (answer.workload !== "") roots.push(resourceKey("WORKLOAD", answer.workload));
  return roots;
}

function isSameAnswer(left: Answer | undefined, right: Answer): boolean {
  if (left === right) return true;
  return (
    left !== undefined &&
    left.state === right.state &&
    left.workload === right.workload &&
    left.listeners.length === right.listeners.length &&
    left.listeners.every((listener, index) => listener === right.listeners[index])
  );
}

function isKnownType(type: string): type is ResourceTypeName {
  return (resourceTypeNames as readonly string[]).includes(type);
}

function nameOf(key: ResourceKey): ResourceName {
  const slash = key.indexOf("/");
  return { type: key.slice(0, slash) as ResourceTypeName, name: key.slice(slash + 1) };
}

/** Everything about a response but its nonce and generation: two of the same content would be refused alike. */
function contentOf(response: DiscoveryResponse): string {
  return JSON.stringify([
    response.resources.map((resource) => [resource.type, resource.name, resource.version]),
    response.removedResources,
    response.answers,
  ]);
}
