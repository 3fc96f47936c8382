// Original file: proto/heddle/v1/discovery.proto


// Original file: proto/heddle/v1/discovery.proto

export const _heddle_v1_Answer_State = {
  /**
   * No such name now; the subscription stays, and the name arrives by itself when it appears.
   */
  NOT_FOUND: 'NOT_FOUND',
  FOUND: 'FOUND',
  /**
   * It exists, but this agent refused it and holds no earlier version.
   */
  WITHHELD: 'WITHHELD',
} as const;

export type _heddle_v1_Answer_State =
  /**
   * No such name now; the subscription stays, and the name arrives by itself when it appears.
   */
  | 'NOT_FOUND'
  | 0
  | 'FOUND'
  | 1
  /**
   * It exists, but this agent refused it and holds no earlier version.
   */
  | 'WITHHELD'
  | 2

export type _heddle_v1_Answer_State__Output = typeof _heddle_v1_Answer_State[keyof typeof _heddle_v1_Answer_State]

/**
 * What a subscribed name stands for now.
 */
export interface Answer {
  'subscription'?: (string);
  'state'?: (_heddle_v1_Answer_State);
  /**
   * LISTENER names: one for a frontend, any number for a gateway.
   */
  'listeners'?: (string)[];
  /**
   * WORKLOAD name.
   */
  'workload'?: (string);
}

/**
 * What a subscribed name stands for now.
 */
export interface Answer__Output {
  'subscription': (string);
  'state': (_heddle_v1_Answer_State__Output);
  /**
   * LISTENER names: one for a frontend, any number for a gateway.
   */
  'listeners': (string)[];
  /**
   * WORKLOAD name.
   */
  'workload': (string);
}
