// The text of an AdmissionReview (admission.k8s.io/v1) -> the text of its answer, and what there is to tell about it.
// Owns the envelope: what a review must have, its uid in every answer, base64, warnings' limits. Whether and how a pod
// is injected is inject/'s. No sockets.
import { skipMessages } from "../inject/decide.ts";
import { inject, type Injection } from "../inject/inject.ts";
import type { OwnerReference, Pod } from "../inject/pod.ts";
import { readPod } from "../inject/pod.ts";
import type { InjectionSettings } from "../inject/settings.ts";
import { annotations } from "../../proto/kubernetes.ts";
import type { InjectionResult } from "./metrics.ts";

export interface ReviewOutcome {
  readonly result: InjectionResult;
  /** A word; "" for what went as asked. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  readonly namespace: string;
  /** As far as it is known: a pod that is generated ends in "-". */
  readonly pod: string;
  readonly dryRun: boolean;
  /** What asks for the pod; null for nobody, or when the pod is none. */
  readonly owner: OwnerReference | null;
  /** The client sent the pod with its sidecar: this is no second look at what this webhook did itself. */
  readonly cameInjected: boolean;
}

export interface ReviewAnswer {
  /** 200 with an AdmissionReview, or 400 with a sentence when there is no uid to answer to. */
  readonly status: 200 | 400;
  readonly body: string;
  readonly outcome: ReviewOutcome;
}

/** Of an answer's warnings (admission.k8s.io/v1, AdmissionResponse.warnings): each, and how many fit together. */
const maxWarningCharacters = 250;
const maxWarnings = 15;
const maxNameCharacters = 253;

type Fields = Readonly<Record<string, unknown>>;

/** Never throws. */
export function answerReview(text: string, settings: InjectionSettings): ReviewAnswer {
  const parsed = parse(text);
  const request = field(parsed, "request");
  const uid = field(request, "uid");
  const known = { namespace: nameOf(field(request, "namespace")), dryRun: field(request, "dryRun") === true };
  const nothing = { ...known, pod: nameOf(field(request, "name")), owner: null, cameInjected: false };
  if (!isFields(parsed) || parsed["kind"] !== "AdmissionReview" || typeof uid !== "string" || uid === "") {
    const message = "expected an AdmissionReview of admission.k8s.io/v1 with request.uid";
    return { status: 400, body: message, outcome: { ...nothing, result: "failed", reason: "no-review", message } };
  }
  if (parsed["apiVersion"] !== "admission.k8s.io/v1") {
    const message = `expected apiVersion admission.k8s.io/v1, got ${JSON.stringify(parsed["apiVersion"])?.slice(0, 100)}`;
    const outcome: ReviewOutcome = { ...nothing, result: "failed", reason: "unknown-version", message };
    return { status: 200, body: review(uid, denied(400, "BadRequest", message)), outcome };
  }
  if (!isPodCreation(request)) {
    const message = "only the creation of pods is injected";
    const outcome: ReviewOutcome = { ...nothing, result: "skipped", reason: "no-pod-creation", message };
    return { status: 200, body: review(uid, { allowed: true, warnings: [`heddle: ${message}`] }), outcome };
  }
  try {
    return answerPod(uid, field(request, "object"), nothing, settings);
  } catch (error) {
    // Values that no API server sends, such as ones nested too deeply to walk; or a fault of ours.
    const message = `cannot inject this pod: ${error instanceof Error ? error.message : String(error)}`;
    const outcome: ReviewOutcome = { ...nothing, result: "failed", reason: "internal", message };
    return { status: 200, body: review(uid, denied(500, "InternalError", message)), outcome };
  }
}

function answerPod(
  uid: string,
  object: unknown,
  known: Omit<ReviewOutcome, "result" | "reason" | "message">,
  settings: InjectionSettings,
): ReviewAnswer {
  const read = readPod(object);
  const pod = "pod" in read ? read.pod : null;
  const about = {
    ...known,
    pod: (pod?.metadata?.name || pod?.metadata?.generateName || known.pod).slice(0, maxNameCharacters),
    owner: pod === null ? null : ownerOf(pod),
    cameInjected: pod !== null && cameInjected(pod),
  };
  const injection = inject(object, known.namespace, settings);
  const { response, told } = respond(injection, about.cameInjected);
  return { status: 200, body: review(uid, response), outcome: { ...about, ...told } };
}

function respond(
  injection: Injection,
  cameInjected: boolean,
): { readonly response: Fields; readonly told: Pick<ReviewOutcome, "result" | "reason" | "message"> } {
  switch (injection.kind) {
    case "inject":
      return {
        response: {
          allowed: true,
          patchType: "JSONPatch",
          patch: Buffer.from(JSON.stringify(injection.patch)).toString("base64"),
          ...warn(injection.warnings),
        },
        told: { result: "injected", reason: "", message: injection.warnings.join("; ") },
      };
    case "skip": {
      const { reason } = injection;
      const message = `not injected: ${skipMessages[reason]}`;
      // Asked for again after others had their turn, as the API server does: it is as it was left.
      if (reason === "already-injected" && !cameInjected) {
        return { response: { allowed: true }, told: { result: "unchanged", reason: "", message: "" } };
      }
      return {
        response: { allowed: true, ...(reason === "opted-out" ? {} : warn([message])) },
        told: { result: "skipped", reason, message },
      };
    }
    case "reject": {
      const { reason, message } = injection;
      return { response: denied(422, "Invalid", message), told: { result: "rejected", reason, message } };
    }
  }
}

function review(uid: string, response: Fields): string {
  return JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: { uid, ...response },
  });
}

function denied(code: number, reason: string, message: string): Fields {
  return { allowed: false, status: { code, reason, message: `heddle: ${message}` } };
}

function warn(warnings: readonly string[]): Fields {
  if (warnings.length === 0) return {};
  return {
    warnings: warnings.slice(0, maxWarnings).map((text) => `heddle: ${text}`.slice(0, maxWarningCharacters)),
  };
}

function isPodCreation(request: unknown): boolean {
  const resource = field(request, "resource");
  return (
    field(resource, "group") === "" &&
    field(resource, "version") === "v1" &&
    field(resource, "resource") === "pods" &&
    (field(request, "subResource") ?? "") === "" &&
    field(request, "operation") === "CREATE"
  );
}

/** The controller, else whoever is named first. */
function ownerOf(pod: Pod): OwnerReference | null {
  const owners = pod.metadata?.ownerReferences ?? [];
  const owner = owners.find(({ controller }) => controller === true) ?? owners[0];
  if (owner === undefined) return null;
  const { apiVersion, kind, name, uid } = owner;
  // Nothing has looked at them yet: no object has a longer name.
  return [apiVersion, kind, name, uid].every(isName) ? owner : null;
}

function isName(text: string): boolean {
  return text !== "" && text.length <= maxNameCharacters;
}

/** The API server notes the client's fields in managedFields before it asks any webhook (structured merge's fieldsV1). */
function cameInjected(pod: Pod): boolean {
  const managers = field(pod.metadata, "managedFields");
  return (
    Array.isArray(managers) &&
    managers.some((manager) => {
      const notes = field(field(field(manager, "fieldsV1"), "f:metadata"), "f:annotations");
      return field(notes, `f:${annotations.injected}`) !== undefined;
    })
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function nameOf(value: unknown): string {
  return typeof value === "string" && isName(value) ? value : "";
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
