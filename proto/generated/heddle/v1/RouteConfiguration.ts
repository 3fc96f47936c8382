// Original file: proto/heddle/v1/resources.proto

import type { VirtualHost as _heddle_v1_VirtualHost, VirtualHost__Output as _heddle_v1_VirtualHost__Output } from '../../heddle/v1/VirtualHost.ts';

/**
 * Which route rules a listener's requests may reach, in order of precedence.
 */
export interface RouteConfiguration {
  /**
   * Most specific hostname first. A request that matches no entry of one virtual host goes on to the next
   * less specific one that covers its host: hostname is only the first key of Gateway API precedence.
   */
  'virtualHosts'?: (_heddle_v1_VirtualHost)[];
  /**
   * Names of the ROUTE resources that entries refer to by index.
   */
  'routes'?: (string)[];
}

/**
 * Which route rules a listener's requests may reach, in order of precedence.
 */
export interface RouteConfiguration__Output {
  /**
   * Most specific hostname first. A request that matches no entry of one virtual host goes on to the next
   * less specific one that covers its host: hostname is only the first key of Gateway API precedence.
   */
  'virtualHosts': (_heddle_v1_VirtualHost__Output)[];
  /**
   * Names of the ROUTE resources that entries refer to by index.
   */
  'routes': (string)[];
}
