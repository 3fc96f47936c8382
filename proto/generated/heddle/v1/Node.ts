// Original file: proto/heddle/v1/discovery.proto


// Original file: proto/heddle/v1/discovery.proto

export const _heddle_v1_Node_Mode = {
  SIDECAR: 'SIDECAR',
  GATEWAY: 'GATEWAY',
} as const;

export type _heddle_v1_Node_Mode =
  | 'SIDECAR'
  | 0
  | 'GATEWAY'
  | 1

export type _heddle_v1_Node_Mode__Output = typeof _heddle_v1_Node_Mode[keyof typeof _heddle_v1_Node_Mode]

export interface Node {
  /**
   * Unique per running agent.
   */
  'id'?: (string);
  'namespace'?: (string);
  'pod'?: (string);
  'labels'?: ({[key: string]: string});
  'mode'?: (_heddle_v1_Node_Mode);
  'agentVersion'?: (string);
}

export interface Node__Output {
  /**
   * Unique per running agent.
   */
  'id': (string);
  'namespace': (string);
  'pod': (string);
  'labels': ({[key: string]: string});
  'mode': (_heddle_v1_Node_Mode__Output);
  'agentVersion': (string);
}
