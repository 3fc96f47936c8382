// Original file: proto/heddle/v1/resources.proto

import type { RouteEntry as _heddle_v1_RouteEntry, RouteEntry__Output as _heddle_v1_RouteEntry__Output } from '../../heddle/v1/RouteEntry.ts';

export interface VirtualHost {
  /**
   * Exact or "*."-wildcard, lower case; empty matches every host. Unique inside a route configuration.
   */
  'hostname'?: (string);
  /**
   * First match wins.
   */
  'entries'?: (_heddle_v1_RouteEntry)[];
}

export interface VirtualHost__Output {
  /**
   * Exact or "*."-wildcard, lower case; empty matches every host. Unique inside a route configuration.
   */
  'hostname': (string);
  /**
   * First match wins.
   */
  'entries': (_heddle_v1_RouteEntry__Output)[];
}
