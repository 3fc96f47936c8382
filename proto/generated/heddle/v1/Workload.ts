// Original file: proto/heddle/v1/resources.proto

import type { InboundPort as _heddle_v1_InboundPort, InboundPort__Output as _heddle_v1_InboundPort__Output } from '../../heddle/v1/InboundPort.ts';

/**
 * What an agent is told of the pod it stands beside. Name of the resource: "namespace/pod".
 */
export interface Workload {
  /**
   * Telemetry identity: service.name and service.version.
   */
  'serviceName'?: (string);
  'workloadVersion'?: (string);
  'inboundPorts'?: (_heddle_v1_InboundPort)[];
}

/**
 * What an agent is told of the pod it stands beside. Name of the resource: "namespace/pod".
 */
export interface Workload__Output {
  /**
   * Telemetry identity: service.name and service.version.
   */
  'serviceName': (string);
  'workloadVersion': (string);
  'inboundPorts': (_heddle_v1_InboundPort__Output)[];
}
