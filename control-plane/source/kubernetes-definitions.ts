// What the cluster's CustomResourceDefinitions say of the Gateway API: whether a kind is installed, and in which
// version. Pure; problems are advice, and hold nothing back.
import type { ApiObject } from "../kubernetes/object-store.ts";
import type { KindInfo } from "./kinds.ts";
import type { Problem } from "./source.ts";

/** The bundle that a definition came with, "" when it does not say. */
export interface Definition {
  readonly bundleVersion: string;
}

const bundleVersionAnnotation = "gateway.networking.k8s.io/bundle-version";
const oldestMinor = 5;
const remedy = `install Gateway API v1.${oldestMinor} or newer, standard channel`;

/** For example httproutes.gateway.networking.k8s.io; null for kinds that every API server has. */
export function definitionName({ plural, group }: KindInfo): string | null {
  return group === "gateway.networking.k8s.io" ? `${plural}.${group}` : null;
}

/** Of a CustomResourceDefinition, its metadata. */
export function readDefinition({ metadata }: ApiObject): Definition {
  return { bundleVersion: metadata.annotations?.[bundleVersionAnnotation] ?? "" };
}

/** Of a kind that the API server does not have. */
export function missingKindProblem(info: KindInfo): Problem {
  const name = definitionName(info);
  const message =
    name === null
      ? "the API server does not have this kind"
      : `CustomResourceDefinition ${name} is not installed; ${remedy}`;
  return warning(info.kind, message);
}

/** Null when the definition is new enough. */
export function oldDefinitionProblem(info: KindInfo, { bundleVersion }: Definition): Problem | null {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(bundleVersion) ?? [];
  if (Number(major) > 1 || (Number(major) === 1 && Number(minor) >= oldestMinor)) return null;
  const found = bundleVersion === "" ? "of unknown version" : `of ${bundleVersion}`;
  return warning(info.kind, `CustomResourceDefinition ${definitionName(info) ?? ""} is ${found}; ${remedy}`);
}

function warning(object: string, message: string): Problem {
  return { severity: "warning", file: "", line: 0, column: 0, object, field: "", message };
}
