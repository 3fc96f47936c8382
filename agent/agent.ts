// Composition root of the agent: makes the parts, wires them, starts them in order and ends them in order. No logic of
// its own beyond that order.
//
//   starting --stream answered, last good snapshot loaded, or the cap--> ready --drain()--> draining --> stopped
import type net from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { agentPorts } from "../proto/kubernetes.ts";
import { AdminServer } from "./admin/admin-server.ts";
import { HealthServer } from "./admin/health-server.ts";
import { familyAddresses } from "./capture/rules.ts";
import { CaptureCheck, podAddresses } from "./capture/self-check.ts";
import type { AgentConfig } from "./config.ts";
import { DiscoveryClient } from "./discovery/client.ts";
import type { ApplyResult } from "./discovery/client-options.ts";
import { readCredentials } from "./discovery/credentials.ts";
import { LastGoodFile } from "./discovery/last-good.ts";
import { drainListeners } from "./drain.ts";
import { DiscoveryFrontendResolver } from "./frontend-resolver.ts";
import { GatewayListeners } from "./listener/gateway-listeners.ts";
import type { Listener } from "./listener/listener.ts";
import { SidecarListeners } from "./listener/sidecar-listeners.ts";
import { ApplicationProber } from "./probes/application-prober.ts";
import type { ProxyContext } from "./proxy/proxy-context.ts";
import { defaultMirrorLimits } from "./proxy/proxy-context.ts";
import { SplitRegistry } from "./routing/split-registry.ts";
import { compile } from "./snapshot/compile.ts";
import type { ResourceSet } from "./snapshot/resources.ts";
import { SnapshotStore } from "./snapshot/store.ts";
import { AccessLog, openAccessLogDestination } from "./telemetry/access-log.ts";
import { AgentMetrics } from "./telemetry/agent-metrics.ts";
import type { ProcessMetrics } from "./telemetry/process-metrics.ts";
import { watchProcess } from "./telemetry/process-metrics.ts";
import { TraceDecider } from "./telemetry/trace-context.ts";
import { Tracing } from "./telemetry/tracing.ts";
import { WallClock } from "./telemetry/wall-clock.ts";
import { Deadlines } from "./transport/deadlines.ts";
import { ClusterManager } from "./upstream/cluster-manager.ts";
import { defaultPoolOptions } from "./upstream/connection-pool.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly version: string;
  readonly logger: Logger;
  /** A gateway listener of the Gateway's `port` accepts on `boundPort`. */
  readonly onListening?: (port: number, boundPort: number) => void;
}

export interface AgentPorts {
  readonly admin: number;
  /** 0 in gateway mode. */
  readonly inbound: number;
  readonly outbound: number;
}

const statsIntervalMs = 1000;
const telemetryFlushMs = 2000;

export class Agent {
  readonly #options: AgentOptions;
  readonly #config: AgentConfig;
  readonly #logger: Logger;
  readonly #store = new SnapshotStore();
  readonly #splits = new SplitRegistry(Math.random);
  readonly #metrics = new AgentMetrics(() => Date.now());
  readonly #processMetrics: ProcessMetrics;
  readonly #context: ProxyContext;
  readonly #lastGood: LastGoodFile | null;
  readonly #admin: AdminServer;
  readonly #health: HealthServer;
  /** Null without capture. */
  readonly #captureCheck: CaptureCheck | null;
  readonly #applicationEnded = Promise.withResolvers<void>();
  #client: DiscoveryClient | null = null;
  #gateway: GatewayListeners | null = null;
  #sidecar: SidecarListeners | null = null;
  readonly #timers: NodeJS.Timeout[] = [];
  #notReady = "no configuration has arrived yet";
  #draining: Promise<void> | null = null;

  constructor(options: AgentOptions) {
    const { config, logger } = options;
    this.#options = options;
    this.#config = config;
    this.#logger = logger;
    const now = (): number => performance.now();
    const deadlines = new Deadlines(now);
    this.#processMetrics = watchProcess(this.#metrics.registry);
    const tracing = this.#makeTracing();
    this.#context = {
      now,
      wallClock: new WallClock(Date.now, performance.timeOrigin),
      random: Math.random,
      store: this.#store,
      clusters: new ClusterManager({
        now,
        deadlines,
        pool: defaultPoolOptions,
        mirrorPool: defaultPoolOptions,
        metrics: this.#metrics,
      }),
      deadlines,
      metrics: this.#metrics,
      traces: config.tracing.kind === "on" ? new TraceDecider({ ratio: config.tracing.config.ratio }) : null,
      tracing,
      accessLog: config.accessLog
        ? new AccessLog({
            destination: openAccessLogDestination("-"),
            droppedLines: this.#metrics.accessLogLinesDropped,
          })
        : null,
      mirrorLimits: { ...defaultMirrorLimits, maxActive: config.mirrorMaxActive },
    };
    this.#lastGood =
      config.stateDirectory === ""
        ? null
        : new LastGoodFile({ path: join(config.stateDirectory, "last-good.snapshot"), logger });
    const notReady = (): string =>
      this.#draining === null ? this.#notReady || (this.#captureCheck?.problem ?? "") : "draining";
    const metrics = (): string => this.#metrics.registry.render();
    const addresses = podAddresses(networkInterfaces(), config.nodeAddress);
    this.#captureCheck =
      config.capture && config.mode === "sidecar"
        ? new CaptureCheck({ userId: process.getuid?.() ?? 0, addresses, logger })
        : null;
    const podAddress = config.nodeAddress || (addresses[0]?.address ?? "127.0.0.1");
    const { applicationSource } = familyAddresses[podAddress.includes(":") ? "ipv6" : "ipv4"];
    const prober = new ApplicationProber({
      probes: config.appProbes,
      podAddress,
      localAddress: config.capture ? applicationSource : undefined,
    });
    this.#health = new HealthServer({ notReady, metrics, probe: (path, agent) => prober.probe(path, agent) });
    this.#admin = new AdminServer({
      notReady,
      metrics,
      config: () => this.#describe(),
      drainState: () => this.#drainState(),
      startDrain: () => void this.drain(),
      startExit: () => void this.exit(),
    });
  }

  /** Starts everything; resolves once the listeners that do not depend on configuration are bound. */
  async start(): Promise<AgentPorts> {
    const { config } = this.#options;
    const restored = (await this.#lastGood?.load()) ?? null;
    const initial = restored !== null && this.#restore(restored) ? restored : null;
    const client = new DiscoveryClient({
      addresses: config.controlPlanes,
      node: {
        id: `${config.namespace}/${config.pod}/${process.pid}`,
        namespace: config.namespace,
        pod: config.pod,
        labels: config.labels,
        mode: config.mode,
        agentVersion: this.#options.version,
      },
      apply: (resources) => this.#apply(resources),
      logger: this.#logger,
      credentials: () => readCredentials({ caFile: config.controlPlaneCa, tokenFile: config.tokenFile }),
      ...(initial === null ? {} : { initial }),
    });
    this.#client = client;
    this.#metrics.registry.beforeScrape(() => {
      const { state, connects } = client.status();
      this.#metrics.discoveryConnected.value = state === "streaming" ? 1 : 0;
      this.#metrics.discoveryConnects.value = connects;
    });
    const admin = await this.#admin.listen(config.admin.host, config.admin.port);
    const ports = config.mode === "gateway" ? this.#startGateway(client) : await this.#startSidecar(client);
    if (config.health !== null) {
      const capturedPort = this.#captureCheck === null ? null : agentPorts.capturedHealth;
      await this.#health.listen(config.health.host, config.health.port, capturedPort);
    }
    this.#captureCheck?.start();
    client.start();
    void client.ready.then(() => this.#becomeReady());
    this.#timers.push(setInterval(() => this.#sendStats(), statsIntervalMs));
    if (config.mode === "sidecar" && config.readyTimeoutMs > 0) {
      this.#timers.push(setTimeout(() => this.#becomeReady(), config.readyTimeoutMs));
    }
    return { admin, ...ports };
  }

  /** A listening socket from the parent process (gateway mode). */
  inheritListener(port: number, server: net.Server): void {
    this.#gateway?.inherit(port, server);
  }

  /** Ends in order: inbound drains, then outbound, then telemetry is flushed, then everything closes. */
  drain(): Promise<void> {
    if (this.#config.sidecar === "native") this.#applicationEnded.resolve();
    this.#draining ??= this.#drain(this.#config.sidecar === "native");
    return this.#draining;
  }

  /** As drain(), when the application has ended: nothing that could still come is waited for. */
  exit(): Promise<void> {
    this.#applicationEnded.resolve();
    this.#draining ??= this.#drain(true);
    return this.#draining;
  }

  async #drain(applicationEnded: boolean): Promise<void> {
    this.#logger.info({ openConnections: this.#openConnections() }, "draining");
    const sidecar = this.#sidecar;
    const cutConnections = await drainListeners(
      {
        receiving: sidecar === null ? (this.#gateway?.all() ?? []) : [sidecar.inbound],
        outbound: sidecar?.outbound ?? null,
      },
      this.#config,
      applicationEnded || this.#applicationEnded.promise,
    );
    this.#logger.info({ cutConnections }, "drained");
    this.#sendStats();
    await Promise.all([
      this.#context.tracing?.shutdown(telemetryFlushMs),
      this.#context.accessLog?.close(telemetryFlushMs),
      this.#lastGood === null || this.#client === null ? null : this.#lastGood.save(this.#client.resources),
    ]);
    this.close();
  }

  /** Ends everything now. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const listener of this.#listeners()) listener.close();
    this.#gateway?.close();
    this.#client?.stop();
    this.#context.clusters.close();
    this.#context.deadlines.close();
    this.#processMetrics.close();
    this.#captureCheck?.close();
    this.#health.close();
    this.#admin.close();
  }

  #startGateway(client: DiscoveryClient): Omit<AgentPorts, "admin"> {
    const config = this.#config;
    const gateway = new GatewayListeners({
      context: this.#context,
      inherit: config.inheritListeners,
      bindAddress: config.bindAddress,
      privilegedPortOffset: config.privilegedPortOffset,
      maxConnections: config.maxConnections,
      drainTimeoutMs: config.drainTimeoutMs,
      onBindError: (port, error) => this.#logger.error({ port, error: error.message }, "cannot listen"),
      onListening: (port, boundPort) => {
        this.#logger.info({ port, boundPort }, "listening");
        this.#options.onListening?.(port, boundPort);
      },
    });
    this.#gateway = gateway;
    this.#store.onSwap((snapshot) => gateway.follow(snapshot));
    gateway.follow(this.#store.current());
    client.subscribe(`gateway:${config.gateway}`);
    return { inbound: 0, outbound: 0 };
  }

  async #startSidecar(client: DiscoveryClient): Promise<Omit<AgentPorts, "admin">> {
    const config = this.#config;
    const resolver = new DiscoveryFrontendResolver(client, this.#store);
    const sidecar = new SidecarListeners({
      context: this.#context,
      resolver,
      capture: config.capture,
      maxConnections: config.maxConnections,
      claimCheck: (direction, destination) => this.#captureCheck?.claim(direction, destination) ?? false,
    });
    this.#sidecar = sidecar;
    const { outbound, inbound } = await sidecar.listen(config.inbound, config.outbound);
    resolver.addOwnPort(outbound);
    resolver.addOwnPort(inbound);
    client.subscribe(`workload:${config.namespace}/${config.pod}`);
    return { inbound, outbound };
  }

  /** Compiles and swaps, or names what is wrong and changes nothing. */
  #apply(resources: ResourceSet): ApplyResult {
    const previous = this.#store.current();
    const result = compile(resources, { splits: this.#splits, previous, mode: this.#config.mode });
    if ("errors" in result) {
      this.#metrics.discoveryResponses.with("nack").value++;
      return { ok: false, errors: result.errors };
    }
    this.#metrics.discoveryResponses.with("ack").value++;
    this.#context.clusters.reconcile(result.snapshot.clusters);
    this.#metrics.requests.adopt(resources);
    this.#metrics.setGeneration(resources.generation, Date.now());
    this.#store.swap(result.snapshot);
    void this.#lastGood?.save(resources);
    this.#logger.debug({ generation: resources.generation }, "applied");
    return { ok: true };
  }

  #restore(resources: ResourceSet): boolean {
    const result = this.#apply(resources);
    if (!result.ok) {
      this.#logger.warn({ errors: result.errors.slice(0, 10) }, "the last good snapshot is of no use any more");
      return false;
    }
    this.#logger.info({ generation: resources.generation }, "started from the last good snapshot");
    this.#becomeReady();
    return true;
  }

  #becomeReady(): void {
    if (this.#notReady === "") return;
    this.#notReady = "";
    this.#logger.info({ startMs: Math.round(performance.now()) }, "ready");
    void this.#context.tracing?.start(this.#telemetryResource());
  }

  #makeTracing(): Tracing | null {
    const { tracing } = this.#config;
    if (tracing.kind === "off") return null;
    return new Tracing({
      config: tracing.config,
      agentVersion: this.#options.version,
      spans: this.#metrics.spans,
      dropped: (reason) => this.#metrics.spansDropped.with(reason),
      warn: (message) => this.#logger.warn(message),
      nowMs: () => Date.now(),
    });
  }

  #telemetryResource(): Record<string, string> {
    const { namespace, pod, serviceName, gateway } = this.#config;
    const workload = this.#store.current().workload;
    const name = serviceName || workload?.serviceName || gateway.split("/")[1] || pod;
    return {
      "service.name": name,
      "service.namespace": namespace,
      "service.instance.id": `${namespace}/${pod}/${process.pid}`,
      ...(workload !== null && workload.workloadVersion !== "" ? { "service.version": workload.workloadVersion } : {}),
      "k8s.namespace.name": namespace,
      "k8s.pod.name": pod,
    };
  }

  #sendStats(): void {
    this.#client?.sendStats(() => this.#metrics.requests.takeStats());
  }

  #listeners(): readonly Listener[] {
    return [
      ...(this.#gateway?.all() ?? []),
      ...(this.#sidecar === null ? [] : [this.#sidecar.inbound, this.#sidecar.outbound]),
    ];
  }

  #openConnections(): number {
    return this.#listeners().reduce((sum, listener) => sum + listener.openConnections, 0);
  }

  #describe(): unknown {
    return {
      version: this.#options.version,
      mode: this.#config.mode,
      discovery: this.#client?.status(),
      listeners: this.#gateway?.ports(),
      resources: this.#store.current().resources,
    };
  }

  #drainState(): unknown {
    return {
      draining: this.#draining !== null,
      inboundConnections: this.#sidecar?.inbound.openConnections,
      outboundConnections: this.#sidecar?.outbound.openConnections,
      gatewayConnections: this.#gateway === null ? undefined : this.#openConnections(),
    };
  }
}
