// Original file: proto/heddle/v1/resources.proto


// Original file: proto/heddle/v1/resources.proto

export const _heddle_v1_Cluster_Protocol = {
  HTTP1: 'HTTP1',
  H2C: 'H2C',
} as const;

export type _heddle_v1_Cluster_Protocol =
  | 'HTTP1'
  | 0
  | 'H2C'
  | 1

export type _heddle_v1_Cluster_Protocol__Output = typeof _heddle_v1_Cluster_Protocol[keyof typeof _heddle_v1_Cluster_Protocol]

/**
 * One Service port as something to send to. Name of the resource: "namespace/name:port".
 */
export interface Cluster {
  'protocol'?: (_heddle_v1_Cluster_Protocol);
  /**
   * The workload version of endpoints that carry none: the Service name.
   */
  'defaultWorkloadVersion'?: (string);
}

/**
 * One Service port as something to send to. Name of the resource: "namespace/name:port".
 */
export interface Cluster__Output {
  'protocol': (_heddle_v1_Cluster_Protocol__Output);
  /**
   * The workload version of endpoints that carry none: the Service name.
   */
  'defaultWorkloadVersion': (string);
}
