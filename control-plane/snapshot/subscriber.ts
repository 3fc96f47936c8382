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
import { resourceKey, type ResourceKey, type SnapshotResource } from "./resource.ts";
import { effectiveSet } from "./effective-set.ts";
import { HeldSet } from "./held-set.ts";
import { closureOf, resolveSubscription, rootsOf, type Resolution } from "./scope.ts";
import type { Snapshot } from "./snapshot.ts";

/** The last refusal of an agent, for people. */
export interface Nack {
  readonly generation: string;
  readonly atMs: number;
  readonly errors: readonly ResourceError[];
}

export type AcknowledgeOutcome = "acknowledged" | "refused" | "stale";

/** What an ack would change. */
interface InFlight {
  readonly changed: readonly SnapshotResource[];
  /** Names that were given up since it was sent are not in here. */
  answers: readonly Answer[];
  readonly response: DiscoveryResponse;
}

/** What an agent lacks: versions, and answers that are new or changed. */
interface Comparison {
  readonly changed: SnapshotResource[];
  readonly answers: Answer[];
}

/** State of one stream. */
export class Subscriber {
  readonly node: Node;
  readonly #subscriptions = new Set<string>();
  readonly #withheld = new Map<ResourceKey, string>();
  readonly #held = new HeldSet();
  readonly #answers = new Map<string, Answer>();
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
    for (const { type, name, version } of hello.knownResources) {
      if (!isKnownType(type)) continue;
      const key = resourceKey(type, name);
      const current = snapshot.resources.get(key);
      this.#held.set(key, { version, resource: current?.version === version ? current : null });
    }
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

  subscribe(name: string): void {
    this.#subscriptions.add(name);
  }

  /** Forgets the name and its answer, also the one on its way: subscribing again is answered again. */
  unsubscribe(name: string): void {
    this.#subscriptions.delete(name);
    this.#answers.delete(name);
    const inFlight = this.#inFlight;
    if (inFlight !== null) inFlight.answers = inFlight.answers.filter((answer) => answer.subscription !== name);
  }

  /**
   * The response that brings the agent to `snapshot`, or null when one is in flight or nothing differs for it. The
   * first response of a stream is sent even when it is empty: it tells the agent that it is up to date.
   */
  next(snapshot: Snapshot): DiscoveryResponse | null {
    if (this.#inFlight !== null) return null;
    const inFlight = this.#difference(snapshot);
    const { response } = inFlight;
    const isEmpty =
      response.resources.length === 0 && response.removedResources.length === 0 && response.answers.length === 0;
    if (isEmpty && this.#wasAnswered) {
      if (this.#withheld.size === 0) this.#sentGeneration = this.#acknowledgedGeneration = snapshot.generation;
      return null;
    }
    if (this.#refusedContent !== null && this.#refusedContent === contentOf(response)) return null;
    this.#nonceCounter += 1;
    response.nonce = `${this.#nonceCounter}`;
    this.#inFlight = inFlight;
    this.#sentGeneration = snapshot.generation;
    this.#wasAnswered = true;
    return response;
  }

  /** The agent's answer to a response. A nonce other than that of the response in flight changes nothing. */
  acknowledge(nonce: string, errors: readonly ResourceError[], atMs: number): AcknowledgeOutcome {
    const inFlight = this.#inFlight;
    if (inFlight === null || inFlight.response.nonce !== nonce) return "stale";
    this.#inFlight = null;
    if (errors.length === 0) {
      for (const resource of inFlight.changed) this.#held.set(resource.key, { version: resource.version, resource });
      for (const { type, name } of inFlight.response.removedResources) this.#held.delete(`${type}/${name}`);
      for (const answer of inFlight.answers) this.#answers.set(answer.subscription, answer);
      this.#acknowledgedGeneration = inFlight.response.generation;
      this.#refusedContent = null;
      return "acknowledged";
    }
    this.#lastNack = { generation: inFlight.response.generation, atMs, errors };
    this.#refusedContent = contentOf(inFlight.response);
    const sent = new Map<ResourceKey, string>();
    for (const { type, name, version } of inFlight.response.resources) sent.set(`${type}/${name}`, version);
    const named = new Set<ResourceKey>(errors.map((error) => `${error.type}/${error.name}`));
    // A nack that names nothing of what was sent could be about any of it.
    const isNamed = [...sent.keys()].some((key) => named.has(key));
    for (const [key, version] of sent) if (!isNamed || named.has(key)) this.#withheld.set(key, version);
    return "refused";
  }

  #difference(snapshot: Snapshot): InFlight {
    this.#endWithholding(snapshot);
    this.#held.beginWalk();
    const { changed, answers } =
      this.#withheld.size === 0 ? this.#compareAll(snapshot) : this.#compareReduced(snapshot);
    const response: DiscoveryResponse = {
      generation: snapshot.generation,
      nonce: "",
      resources: changed.map((resource) => resource.wire),
      removedResources: this.#held.unneeded().map(nameOf),
      answers,
    };
    return { changed, answers, response };
  }

  /** Nothing is withheld: the agent is to hold the closures of its subscriptions. */
  #compareAll(snapshot: Snapshot): Comparison {
    // Made only when there is something to put in: this runs for every agent at every publish.
    let changed: SnapshotResource[] | null = null;
    let added: Set<SnapshotResource> | null = null;
    let answers: Answer[] | null = null;
    for (const name of this.#subscriptions) {
      const { roots, answer } = resolveSubscription(snapshot, this.node, name);
      if (!isSameAnswer(this.#answers.get(name), answer)) {
        if (answers === null) answers = [answer];
        else answers.push(answer);
      }
      for (const root of roots) {
        for (const resource of closureOf(snapshot, root)) {
          const outcome = this.#held.compare(resource.key, resource.version);
          if (outcome === "none") (added ??= new Set()).add(resource);
          else if (outcome === "other" && changed === null) changed = [resource];
          else if (outcome === "other") changed?.push(resource);
        }
      }
    }
    return { changed: added === null ? (changed ?? []) : [...(changed ?? []), ...added], answers: answers ?? [] };
  }

  /** The agent is to hold what is left when the withheld versions, and what cannot do without them, stay away. */
  #compareReduced(snapshot: Snapshot): Comparison {
    const roots = this.#roots(snapshot);
    const { missing } = effectiveSet(snapshot, roots, this.#held, this.#withheld);
    const earlierRoots: ResourceKey[] = [];
    const answers: Answer[] = [];
    for (const name of this.#subscriptions) {
      const answer = this.#answerFor(resolveSubscription(snapshot, this.node, name), missing);
      const earlier = this.#answers.get(name);
      if (answer === earlier) earlierRoots.push(...rootsOf(answer));
      if (!isSameAnswer(earlier, answer)) answers.push(answer);
    }
    const changed: SnapshotResource[] = [];
    const { resources } = effectiveSet(snapshot, roots, this.#held, this.#withheld, earlierRoots);
    for (const [key, { version, resource }] of resources) {
      if (this.#held.compare(key, version) !== "same" && resource !== null) changed.push(resource);
    }
    return { changed, answers };
  }

  #roots(snapshot: Snapshot): readonly ResourceKey[] {
    return [...this.#subscriptions].flatMap((name) => resolveSubscription(snapshot, this.node, name).roots);
  }

  /** A refused version that is not current, or that no subscription needs, is not withheld any more. */
  #endWithholding(snapshot: Snapshot): void {
    if (this.#withheld.size === 0) return;
    const closures = this.#roots(snapshot).flatMap((root) => closureOf(snapshot, root));
    const needed = new Map(closures.map(({ key, version }) => [key, version]));
    for (const [key, version] of this.#withheld) if (needed.get(key) !== version) this.#withheld.delete(key);
  }

  #answerFor({ answer, roots }: Resolution, missing: ReadonlySet<ResourceKey>): Answer {
    const lacking = roots.filter((root) => missing.has(root));
    if (lacking.length === 0) return answer;
    if (lacking.length < roots.length) {
      const listeners = answer.listeners.filter((listener) => !missing.has(resourceKey("LISTENER", listener)));
      return { ...answer, listeners };
    }
    const earlier = this.#answers.get(answer.subscription);
    if (earlier?.state === "FOUND" && rootsOf(earlier).every((root) => this.#held.has(root))) return earlier;
    return { subscription: answer.subscription, state: "WITHHELD", listeners: [], workload: "" };
  }
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
