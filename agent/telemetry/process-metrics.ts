// Metrics of the process itself, under the names that Prometheus clients agree on: processor time, memory, event-loop
// lag. Read at scrape time. Owns the delay monitor, which close() ends.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { MetricRegistry } from "./metric-registry.ts";

export interface ProcessMetrics {
  close(): void;
}

/** Adds the process's metrics to a registry. Event-loop lag is that since the last scrape. */
export function watchProcess(registry: MetricRegistry): ProcessMetrics {
  const user = registry.counter("process_cpu_user_seconds_total", "Processor time spent in user mode.");
  const system = registry.counter("process_cpu_system_seconds_total", "Processor time spent in the kernel.");
  const total = registry.counter("process_cpu_seconds_total", "Processor time spent.");
  const resident = registry.gauge("process_resident_memory_bytes", "Resident memory.");
  const heap = registry.gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use.");
  const external = registry.gauge("nodejs_external_memory_bytes", "Memory of buffers outside the JavaScript heap.");
  const startTime = registry.gauge("process_start_time_seconds", "When the process started, since the epoch.");
  const lag = registry.gaugeFamily(
    "heddle_event_loop_lag_seconds",
    "How late timers fired since the last scrape, by quantile.",
    ["quantile"],
  );
  const [median, p99, worst] = [lag.with("0.5"), lag.with("0.99"), lag.with("1")];
  startTime.value = performance.timeOrigin / 1000;
  // The monitor is a timer of its own: it measures how much later than this it runs.
  const resolutionMs = 50;
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const lagSeconds = (nanoseconds: number): number =>
    delay.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
  registry.beforeScrape(() => {
    const usage = process.cpuUsage();
    user.value = usage.user / 1e6;
    system.value = usage.system / 1e6;
    total.value = (usage.user + usage.system) / 1e6;
    const memory = process.memoryUsage();
    resident.value = memory.rss;
    heap.value = memory.heapUsed;
    external.value = memory.external;
    median.value = lagSeconds(delay.percentile(50));
    p99.value = lagSeconds(delay.percentile(99));
    worst.value = lagSeconds(delay.max);
    delay.reset();
  });
  return {
    close() {
      delay.disable();
    },
  };
}
