// Original file: proto/heddle/v1/discovery.proto


/**
 * Names: "gateway:<namespace>/<name>", "frontend:<host or address>:<port>", "workload:<namespace>/<pod>".
 * A frontend's host is matched as the client wrote it; short Service names resolve in the node's namespace.
 */
export interface Subscribe {
  'add'?: (string)[];
  'remove'?: (string)[];
}

/**
 * Names: "gateway:<namespace>/<name>", "frontend:<host or address>:<port>", "workload:<namespace>/<pod>".
 * A frontend's host is matched as the client wrote it; short Service names resolve in the node's namespace.
 */
export interface Subscribe__Output {
  'add': (string)[];
  'remove': (string)[];
}
