// Original file: proto/heddle/v1/resources.proto


// Original file: proto/heddle/v1/resources.proto

export const _heddle_v1_InboundPort_Protocol = {
  DETECT: 'DETECT',
  HTTP1: 'HTTP1',
  H2C: 'H2C',
  TCP: 'TCP',
} as const;

export type _heddle_v1_InboundPort_Protocol =
  | 'DETECT'
  | 0
  | 'HTTP1'
  | 1
  | 'H2C'
  | 2
  | 'TCP'
  | 3

export type _heddle_v1_InboundPort_Protocol__Output = typeof _heddle_v1_InboundPort_Protocol[keyof typeof _heddle_v1_InboundPort_Protocol]

export interface InboundPort {
  /**
   * The port that peers dial: the container port, or in explicit mode the sidecar's own inbound port.
   */
  'port'?: (number);
  /**
   * Where the application listens.
   */
  'applicationAddress'?: (string);
  'applicationPort'?: (number);
  'protocol'?: (_heddle_v1_InboundPort_Protocol);
}

export interface InboundPort__Output {
  /**
   * The port that peers dial: the container port, or in explicit mode the sidecar's own inbound port.
   */
  'port': (number);
  /**
   * Where the application listens.
   */
  'applicationAddress': (string);
  'applicationPort': (number);
  'protocol': (_heddle_v1_InboundPort_Protocol__Output);
}
