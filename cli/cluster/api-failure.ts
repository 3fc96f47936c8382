// Why the API server could not be asked or said no, as one line with what to do. Pure.
import { CommandFailure } from "../failure.ts";

/** `missing` is an object or a kind that the server does not have. */
export type ApiFailureKind = "unreachable" | "unauthorized" | "forbidden" | "missing" | "other";

export class ApiFailure extends CommandFailure {
  readonly kind: ApiFailureKind;

  constructor(kind: ApiFailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** No HTTP answer at all. */
export function unreachable(server: string, error: unknown): ApiFailure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const message = error instanceof Error ? error.message : String(error);
  // Several addresses were tried: the message of the sum is empty.
  const reason = message === "" ? code : message;
  return new ApiFailure(
    "unreachable",
    `cannot reach the API server at ${server}: ${reason}; check the context (--context, --kubeconfig), or read a folder with -f DIR`,
  );
}

/** An answer other than 200 to a GET of `path`. */
export function describeDenial(path: string, status: number, body: unknown): ApiFailure {
  const message = messageOf(body);
  switch (status) {
    case 401: {
      return new ApiFailure(
        "unauthorized",
        "the API server does not accept the credentials of this context: log in again",
      );
    }
    case 403: {
      return new ApiFailure("forbidden", `forbidden: you need the right to ${describeRight(path)}${quoted(message)}`);
    }
    case 404: {
      return new ApiFailure("missing", `the API server has no ${path.split("?", 1)[0]}${quoted(message)}`);
    }
    default: {
      return new ApiFailure("other", `the API server answered ${status} to GET ${path}${quoted(message)}`);
    }
  }
}

function quoted(message: string): string {
  return message === "" ? "" : ` (${message})`;
}

/** The message of a Status object. */
export function messageOf(body: unknown): string {
  if (typeof body === "string") {
    return body.trim().slice(0, 500);
  }
  return typeof body === "object" && body !== null && "message" in body ? String(body.message) : "";
}

/** "list httproutes.gateway.networking.k8s.io in namespace shop", as RBAC would grant it, of a path of the API. */
export function describeRight(path: string): string {
  const parts = (path.split("?", 1)[0] ?? "").split("/").filter((part) => part !== "");
  // /api/v1/... or /apis/GROUP/VERSION/...
  const group = parts[0] === "apis" ? (parts[1] ?? "") : "";
  const rest = parts.slice(parts[0] === "apis" ? 3 : 2);
  const inNamespace = rest[0] === "namespaces" && rest.length > 2;
  const [resource = "", name = "", subresource = ""] = inNamespace ? rest.slice(2) : rest;
  if (resource === "") {
    return `get ${path}`;
  }
  const full = `${resource}${subresource === "" ? "" : `/${subresource}`}${group === "" ? "" : `.${group}`}`;
  // A port-forward over a WebSocket is a GET that newer servers also hold to be a creation.
  const verb = subresource === "portforward" ? "get and create" : name === "" ? "list" : "get";
  return `${verb} ${full} ${inNamespace ? `in namespace ${rest[1]}` : "in the whole cluster"}`;
}
