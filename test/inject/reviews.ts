// Admission reviews as the API server sends them.
import type { OwnerReference, Pod } from "../../control-plane/inject/pod.ts";

export interface ReviewParts {
  readonly pod: Pod;
  readonly uid?: string;
  readonly namespace?: string;
  readonly owners?: readonly OwnerReference[];
  readonly dryRun?: boolean;
  readonly operation?: string;
  readonly resource?: string;
  readonly subResource?: string;
}

export function makeReview(parts: ReviewParts): Readonly<Record<string, unknown>> {
  const { pod, uid = "u-1", namespace = "shop", owners, dryRun = false, operation = "CREATE" } = parts;
  return {
    kind: "AdmissionReview",
    apiVersion: "admission.k8s.io/v1",
    request: {
      uid,
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: parts.resource ?? "pods" },
      ...(parts.subResource === undefined ? {} : { subResource: parts.subResource }),
      namespace,
      operation,
      userInfo: { username: "system:serviceaccount:kube-system:replicaset-controller" },
      object: owners === undefined ? pod : { ...pod, metadata: { ...pod.metadata, ownerReferences: owners } },
      oldObject: null,
      dryRun,
      options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
    },
  };
}
