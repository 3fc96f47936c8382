// The composition root on Kubernetes: the control plane with the API as its source, and what a cluster needs around it:
// the Lease, statuses, certificates, gateways, the webhook. Owns the order of start and close and which part hears of
// what; every part's rules are the part's.
import type { KubeConfig } from "@kubernetes/client-node";
import {
  controlPlaneHost,
  controlPlanePorts,
  controlPlaneServiceName,
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
import { portFault } from "./gateways/gateway-objects.ts";
import { GatewayProvisioner } from "./gateways/gateway-provisioner.ts";
import { defaultInjectionSettings, type InjectionSettings } from "./inject/settings.ts";
import { readMinorVersion } from "./kubernetes/server-version.ts";
import { LeaderElection } from "./leader/leader-election.ts";
import { OtherReplicas } from "./other-replicas.ts";
import type { ClusterState } from "./source/cluster-state.ts";
import { KubernetesSource } from "./source/kubernetes-source.ts";
import { KubernetesStatusSink } from "./status/kubernetes-sink.ts";
import { InjectionEvents } from "./webhook/injection-events.ts";
import { KubernetesEventWriter } from "./webhook/kubernetes-event-writer.ts";
import { WebhookMetrics } from "./webhook/metrics.ts";
import { WebhookServer } from "./webhook/server.ts";

const leaseName = "heddle-leader";
const webhookConfiguration = "heddle-injector";
/** The API server's node takes about this long to learn that a replica ends. */
const webhookLingerMs = 3000;

export class ClusterControlPlane {
  readonly controlPlane: ControlPlane;
  readonly #election: LeaderElection;
  readonly #certificates: Certificates;
  readonly #gateways: GatewayProvisioner;
  readonly #statuses: KubernetesStatusSink;
  readonly #others: OtherReplicas;
  readonly #events: InjectionEvents;
  readonly #eventWriter: KubernetesEventWriter;
  readonly #webhook: WebhookServer | null;
  readonly #kubeConfig: KubeConfig;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  #injectionSettings: InjectionSettings;
  readonly #controllerName: string;
  #state: ClusterState | null = null;

  constructor(config: ControlPlaneConfig, kubeConfig: KubeConfig, logger: Logger) {
    const isLeader = (): boolean => this.#election.isLeader;
    const { controllerName } = config;
    this.#controllerName = controllerName;
    this.#kubeConfig = kubeConfig;
    this.#logger = logger;
    this.#election = new LeaderElection({
      kubeConfig,
      namespace: systemNamespace,
      leaseName,
      identity: config.podName,
      logger,
      onChange: (isLeading) => this.#onLeadership(isLeading),
    });
    this.#certificates = new Certificates({
      kubeConfig,
      isLeader,
      webhookConfiguration: config.webhook === null ? null : webhookConfiguration,
      logger,
      onServingCertificate: (certificate) => this.#webhook?.setCertificate(certificate),
    });
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
    const injections = new WebhookMetrics();
    this.#injectionSettings = { ...defaultInjectionSettings, ...agents };
    this.#eventWriter = new KubernetesEventWriter(kubeConfig);
    this.#events = new InjectionEvents({
      write: (event) => this.#eventWriter.write(event),
      instance: config.podName,
      metrics: injections,
      logger,
    });
    this.#webhook =
      config.webhook === null
        ? null
        : new WebhookServer({
            ...config.webhook,
            certificate: null,
            settings: () => this.#injectionSettings,
            lingerMs: webhookLingerMs,
            logger,
            events: this.#events,
            metrics: injections,
          });
    this.#others = new OtherReplicas({
      addresses: () => this.#otherReplicas(config),
      onChange: () => this.controlPlane.refresh(),
    });
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
      isReady: () => this.#certificates.isReady && (this.#webhook?.isReady ?? true),
      programmedElsewhere: () => this.#others.programmed,
      addressesOf: (gateway) => this.#gateways.addressesOf(gateway),
      gatewayParameterErrors: () => this.#gateways.parameterErrors(),
      portFault,
      gatewayObstacles: () => this.#gateways.problems(),
      cluster: { isLeader, injections, statuses: this.#statuses.counts },
    });
  }

  /** Serves once the API was read and there is a certificate to show. */
  async start(): Promise<{ readonly discoveryPort: number; readonly adminPort: number }> {
    this.#election.start();
    this.#gateways.start();
    this.#others.start();
    const [ports] = await Promise.all([this.controlPlane.start(), this.#certificates.start(), this.#startWebhook()]);
    return ports;
  }

  /**
   * Agents go to the other replica, the newest statuses are written, then the Lease is given back; meanwhile and for 3
   * seconds pods are still injected.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#others.close();
    const webhookClosed = this.#webhook?.close();
    await this.controlPlane.close();
    await Promise.all([this.#gateways.close(), this.#certificates.close()]);
    await this.#election.close();
    await webhookClosed;
    this.#events.close();
    this.#eventWriter.close();
  }

  /** Which containers an injected pod may have depends on the API server. */
  async #startWebhook(): Promise<void> {
    if (this.#webhook === null) return;
    const minor = await readMinorVersion(this.#kubeConfig, this.#logger, this.#closing.signal);
    this.#injectionSettings = { ...this.#injectionSettings, kubernetesMinorVersion: minor };
    await this.#webhook.start();
  }

  #otherReplicas({ podName, health }: ControlPlaneConfig): readonly string[] {
    if (health === null) return [];
    const replicas = [...(this.#state?.pods.values() ?? [])].filter(
      ({ meta }) =>
        meta.namespace === systemNamespace &&
        meta.name !== podName &&
        meta.labels["app.kubernetes.io/name"] === controlPlaneServiceName,
    );
    return replicas.flatMap(({ podIps: [address] }) =>
      address === undefined ? [] : `http://${address.includes(":") ? `[${address}]` : address}:${health.port}`,
    );
  }

  #onLeadership(isLeader: boolean): void {
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
