// Original file: proto/heddle/v1/discovery.proto

import type { Long } from '@grpc/proto-loader';

export interface RuleStats {
  /**
   * "namespace/name" of the route and index of the rule; empty and 0 for requests that no route claimed.
   */
  'route'?: (string);
  'rule'?: (number);
  'backend'?: (string);
  'workloadVersion'?: (string);
  /**
   * Requests by status class: 1xx, 2xx, 3xx, 4xx, 5xx, and last those that ended without a response.
   */
  'statusClasses'?: (number | string | Long)[];
  /**
   * Counts per bucket of proto/latency-buckets.ts, one more for what lies above the last bound.
   */
  'latencyBuckets'?: (number | string | Long)[];
  'latencySumSeconds'?: (number | string);
  'mirrored'?: (number | string | Long);
  'mirrorsDropped'?: (number | string | Long);
}

export interface RuleStats__Output {
  /**
   * "namespace/name" of the route and index of the rule; empty and 0 for requests that no route claimed.
   */
  'route': (string);
  'rule': (number);
  'backend': (string);
  'workloadVersion': (string);
  /**
   * Requests by status class: 1xx, 2xx, 3xx, 4xx, 5xx, and last those that ended without a response.
   */
  'statusClasses': (number)[];
  /**
   * Counts per bucket of proto/latency-buckets.ts, one more for what lies above the last bound.
   */
  'latencyBuckets': (number)[];
  'latencySumSeconds': (number);
  'mirrored': (number);
  'mirrorsDropped': (number);
}
