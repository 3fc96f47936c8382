// The composition root on Kubernetes: the control plane with the API as its source, and what a cluster needs around it:
// the Lease, statuses, certificates, gateways. Owns the order of start and close and which part hears of what; every
// part's rules are the part's.
import type { KubeConfig } from "@kubernetes/client-node";
import {
  controlPlaneHost,
  controlPlanePorts,
  gatewayObjectName,
  labels,
  systemNamespace,
} from "../proto/kubernetes.ts";
import { Certificates } from "./certificates/certificates.ts";
import type { ControlPlaneConfig } from "./config.ts";
import { ControlPlane } from "./control-plane.ts";
import type { Logger } from "./discovery/logger.ts";
import { TokenAuthenticator } from "./discovery/token-authenticator.ts";
import { tokenReview } from "./discovery/token-review.ts";
import { GatewayProvisioner } from "./gateways/gateway-provisioner.ts";
import { LeaderElection } from "./leader/leader-election.ts";
import type { ClusterState } from "./source/cluster-state.ts";
import { KubernetesSource } from "./source/kubernetes-source.ts";
import { KubernetesStatusSink } from "./status/kubernetes-sink.ts";

const leaseName = "heddle-leader";
const webhookConfiguration = "heddle-injector";

export class ClusterControlPlane {
  readonly controlPlane: ControlPlane;
  readonly #election: LeaderElection;
  readonly #certificates: Certificates;
  readonly #gateways: GatewayProvisioner;
  readonly #statuses: KubernetesStatusSink;
  readonly #controllerName: string;
  #state: ClusterState | null = null;
  #isLeader = false;

  constructor(config: ControlPlaneConfig, kubeConfig: KubeConfig, logger: Logger) {
    const isLeader = (): boolean => this.#isLeader;
    const { controllerName } = config;
    this.#controllerName = controllerName;
    this.#election = new LeaderElection({
      kubeConfig,
      namespace: systemNamespace,
      leaseName,
      identity: config.podName,
      logger,
      onChange: (isLeading) => this.#onLeadership(isLeading),
    });
    this.#certificates = new Certificates({ kubeConfig, isLeader, webhookConfiguration, logger });
    const agents = {
      image: config.image,
      imagePullPolicy: config.imagePullPolicy,
      controlPlaneAddress: `${controlPlaneHost}:${controlPlanePorts.discovery}`,
      otlpEndpoint: config.otlpEndpoint,
      traceSampling: config.traceSampling,
    };
    this.#gateways = new GatewayProvisioner({
      kubeConfig,
      isLeader,
      controllerName,
      settings: { ...agents, bindAddress: "0.0.0.0" },
      logger,
      onChange: () => this.controlPlane.refresh(),
    });
    this.#statuses = new KubernetesStatusSink({ kubeConfig, controllerName, isLeader, logger });
    this.controlPlane = new ControlPlane({
      source: new KubernetesSource({ kubeConfig, logger }),
      controllerName,
      discovery: {
        ...config.discovery,
        credentials: this.#certificates.credentials,
        authenticate: new TokenAuthenticator({ review: tokenReview(kubeConfig), logger }).authenticate,
        gatewayServiceAccount: (gateway) => this.#serviceAccountOf(gateway),
      },
      admin: config.admin,
      health: config.health,
      statusSinks: [this.#statuses],
      logger,
      onState: (state) => this.#onState(state),
      isReady: () => this.#certificates.isReady,
    });
  }

  /** Serves once the API was read and there is a certificate to show. */
  async start(): Promise<{ readonly discoveryPort: number; readonly adminPort: number }> {
    this.#election.start();
    this.#gateways.start();
    const [ports] = await Promise.all([this.controlPlane.start(), this.#certificates.start()]);
    return ports;
  }

  /** Agents go to the other replica, the newest statuses are written, then the Lease is given back. */
  async close(): Promise<void> {
    await this.controlPlane.close();
    await Promise.all([this.#gateways.close(), this.#certificates.close()]);
    await this.#election.close();
  }

  #onLeadership(isLeader: boolean): void {
    this.#isLeader = isLeader;
    this.#statuses.leadershipChanged(isLeader);
    this.#certificates.leaderChanged();
    this.#gateways.wake();
  }

  #onState(state: ClusterState): void {
    this.#state = state;
    this.#gateways.reconcile(state);
    this.#certificates.setNamespaces(namespacesWithAgents(state, this.#controllerName));
  }

  #serviceAccountOf(gateway: string): string | undefined {
    const found = this.#state?.gateways.get(gateway);
    const isOurs =
      this.#state?.gatewayClasses.get(found?.gatewayClassName ?? "")?.controllerName === this.#controllerName;
    return found !== undefined && isOurs ? gatewayObjectName(found.meta.name, found.gatewayClassName) : undefined;
  }
}

/** Where agents run or may be injected: they need the authorities' certificates there. */
function namespacesWithAgents(state: ClusterState, controllerName: string): readonly string[] {
  const namespaces = new Set<string>();
  for (const { meta } of state.namespaces.values()) {
    if (meta.labels[labels.namespaceInjection] === "enabled") namespaces.add(meta.name);
  }
  for (const { meta, gatewayClassName } of state.gateways.values()) {
    if (state.gatewayClasses.get(gatewayClassName)?.controllerName === controllerName) namespaces.add(meta.namespace);
  }
  for (const { meta } of state.pods.values()) {
    if (meta.labels[labels.podInject] === "true") namespaces.add(meta.namespace);
  }
  return [...namespaces].toSorted();
}
