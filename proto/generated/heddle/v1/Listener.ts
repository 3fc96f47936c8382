// Original file: proto/heddle/v1/resources.proto


/**
 * What accepts requests: one Gateway listener, or one frontend (a Service's address and port).
 */
export interface Listener {
  /**
   * Gateway listeners: the port the agent binds. Frontends: the Service port.
   */
  'port'?: (number);
  /**
   * Gateway listeners only: exact or "*."-wildcard, lower case; empty matches every host.
   */
  'hostname'?: (string);
  /**
   * Name of a ROUTE_CONFIGURATION. Empty on a frontend without routes: requests go to `cluster`.
   */
  'routeConfiguration'?: (string);
  /**
   * Name of a CLUSTER: the implicit forwarding of a frontend that no route claims. Empty on gateways.
   */
  'cluster'?: (string);
  /**
   * "namespace/name/section" of a Gateway listener, "namespace/name:port" of a frontend. For people and telemetry.
   */
  'displayName'?: (string);
}

/**
 * What accepts requests: one Gateway listener, or one frontend (a Service's address and port).
 */
export interface Listener__Output {
  /**
   * Gateway listeners: the port the agent binds. Frontends: the Service port.
   */
  'port': (number);
  /**
   * Gateway listeners only: exact or "*."-wildcard, lower case; empty matches every host.
   */
  'hostname': (string);
  /**
   * Name of a ROUTE_CONFIGURATION. Empty on a frontend without routes: requests go to `cluster`.
   */
  'routeConfiguration': (string);
  /**
   * Name of a CLUSTER: the implicit forwarding of a frontend that no route claims. Empty on gateways.
   */
  'cluster': (string);
  /**
   * "namespace/name/section" of a Gateway listener, "namespace/name:port" of a frontend. For people and telemetry.
   */
  'displayName': (string);
}
