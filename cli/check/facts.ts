// What `heddle check` knows of a cluster, as it was gathered: plain values, so that judging them needs no cluster. What
// could not be asked is a fact with its reason.
import { systemNamespace } from "../../proto/kubernetes.ts";
import type { ReplicaAnswer } from "../cluster/replicas.ts";
import type { AgentsPage } from "../get/agents-of-replicas.ts";
import type { ApiObject } from "../cluster/client.ts";
import type { ShownCertificate } from "../cluster/pod-certificate.ts";

/** Namespaces that the webhook's selectors leave out, whatever their labels say. */
export const neverInjected: ReadonlySet<string> = new Set([
  systemNamespace,
  "kube-system",
  "kube-public",
  "kube-node-lease",
]);

export type Fact<Value> =
  | { readonly ok: true; readonly value: Value }
  /** `isMissing`: the object or the kind does not exist. */
  | { readonly ok: false; readonly isMissing: boolean; readonly reason: string };

export interface DefinitionObject extends ApiObject {
  readonly spec: { readonly versions: readonly { readonly name: string; readonly served: boolean }[] };
}

export interface DeploymentObject extends ApiObject {
  readonly spec: {
    readonly replicas?: number;
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly name: string;
          readonly image: string;
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
  readonly status?: { readonly readyReplicas?: number; readonly updatedReplicas?: number };
}

export interface LeaseObject extends ApiObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly renewTime?: string;
  };
}

export interface WebhookObject extends ApiObject {
  readonly webhooks?: readonly {
    readonly name: string;
    readonly failurePolicy?: string;
    readonly clientConfig: { readonly caBundle?: string };
  }[];
}

export interface ConfigMapObject extends ApiObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface StatusCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface GatewayClassObject extends ApiObject {
  readonly spec: { readonly controllerName: string };
  readonly status?: { readonly conditions?: readonly StatusCondition[] };
}

export interface GatewayObject extends ApiObject {
  readonly spec: { readonly gatewayClassName: string };
  readonly status?: { readonly conditions?: readonly StatusCondition[] };
}

interface ContainerObject {
  readonly name: string;
  readonly image: string;
}

export interface PodObject extends ApiObject {
  readonly spec: {
    readonly hostNetwork?: boolean;
    readonly containers: readonly ContainerObject[];
    readonly initContainers?: readonly ContainerObject[];
  };
  readonly status?: { readonly phase?: string; readonly conditions?: readonly StatusCondition[] };
}

export interface RightFact {
  /** "create deployments.apps in namespace heddle-system". */
  readonly right: string;
  readonly allowed: boolean;
}

/** What the API server said when it was asked to create a pod without creating it. */
export type WebhookCall =
  /** `hash`: of what every pod is given now, whatever is in it. */
  | { readonly kind: "injected"; readonly hash: string }
  | { readonly kind: "not injected" }
  /** By the webhook, or because nobody reaches it. */
  | { readonly kind: "refused"; readonly message: string };

/** Facts about the API server: all there is before an installation. */
export interface ClusterFacts {
  readonly server: string;
  /** Of this program. */
  readonly version: string;
  readonly kubernetes: Fact<{ readonly major: string; readonly minor: string; readonly gitVersion: string }>;
  readonly definitions: Fact<readonly DefinitionObject[]>;
}

/** Facts about an installation. */
export interface InstallationFacts {
  readonly version: string;
  /** The only one whose pods and Gateways were asked for; undefined: all. */
  readonly namespace?: string | undefined;
  readonly nowMs: number;
  readonly deployment: Fact<DeploymentObject>;
  readonly agents: Fact<readonly ReplicaAnswer<AgentsPage>[]>;
  readonly lease: Fact<LeaseObject>;
  readonly webhook: Fact<WebhookObject>;
  readonly webhookCall: Fact<WebhookCall>;
  /** PEM of the authority: the webhook's, else a namespace's; "" when there is none. */
  readonly bundle: string;
  /** By replica: what its webhook and its discovery port show. */
  readonly certificates: readonly {
    readonly pod: string;
    readonly port: "webhook" | "discovery";
    readonly shown: Fact<ShownCertificate>;
  }[];
  readonly namespaces: Fact<readonly ApiObject[]>;
  readonly configMaps: Fact<readonly ConfigMapObject[]>;
  readonly gatewayClasses: Fact<readonly GatewayClassObject[]>;
  readonly gateways: Fact<readonly GatewayObject[]>;
  readonly pods: Fact<readonly PodObject[]>;
}
