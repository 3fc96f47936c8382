// Original file: proto/heddle/v1/resources.proto

import type { Rule as _heddle_v1_Rule, Rule__Output as _heddle_v1_Rule__Output } from '../../heddle/v1/Rule.ts';

/**
 * One HTTPRoute. Name of the resource: "namespace/name".
 */
export interface Route {
  'rules'?: (_heddle_v1_Rule)[];
}

/**
 * One HTTPRoute. Name of the resource: "namespace/name".
 */
export interface Route__Output {
  'rules': (_heddle_v1_Rule__Output)[];
}
