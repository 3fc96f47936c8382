// Original file: proto/heddle/v1/resources.proto

import type { HeaderModifier as _heddle_v1_HeaderModifier, HeaderModifier__Output as _heddle_v1_HeaderModifier__Output } from '../../heddle/v1/HeaderModifier.ts';
import type { Mirror as _heddle_v1_Mirror, Mirror__Output as _heddle_v1_Mirror__Output } from '../../heddle/v1/Mirror.ts';

export interface Backend {
  /**
   * "namespace/name:port" of the backendRef, also when it is invalid. For people and telemetry.
   */
  'displayName'?: (string);
  /**
   * Name of a CLUSTER; empty when the reference is invalid: its share is answered 500.
   */
  'cluster'?: (string);
  'weight'?: (number);
  'requestHeaders'?: (_heddle_v1_HeaderModifier | null);
  'responseHeaders'?: (_heddle_v1_HeaderModifier | null);
  'mirrors'?: (_heddle_v1_Mirror)[];
  /**
   * Why the reference is invalid, a Gateway API reason such as "BackendNotFound". Empty when valid.
   */
  'invalidReason'?: (string);
}

export interface Backend__Output {
  /**
   * "namespace/name:port" of the backendRef, also when it is invalid. For people and telemetry.
   */
  'displayName': (string);
  /**
   * Name of a CLUSTER; empty when the reference is invalid: its share is answered 500.
   */
  'cluster': (string);
  'weight': (number);
  'requestHeaders': (_heddle_v1_HeaderModifier__Output | null);
  'responseHeaders': (_heddle_v1_HeaderModifier__Output | null);
  'mirrors': (_heddle_v1_Mirror__Output)[];
  /**
   * Why the reference is invalid, a Gateway API reason such as "BackendNotFound". Empty when valid.
   */
  'invalidReason': (string);
}
