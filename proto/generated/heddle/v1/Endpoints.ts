// Original file: proto/heddle/v1/resources.proto

import type { Endpoint as _heddle_v1_Endpoint, Endpoint__Output as _heddle_v1_Endpoint__Output } from '../../heddle/v1/Endpoint.ts';

/**
 * The ready endpoints of the cluster of the same name.
 */
export interface Endpoints {
  'endpoints'?: (_heddle_v1_Endpoint)[];
}

/**
 * The ready endpoints of the cluster of the same name.
 */
export interface Endpoints__Output {
  'endpoints': (_heddle_v1_Endpoint__Output)[];
}
