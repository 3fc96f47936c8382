// Original file: proto/heddle/v1/resources.proto


export interface Endpoint {
  'address'?: (string);
  'port'?: (number);
  /**
   * Empty when the pod has no version label.
   */
  'workloadVersion'?: (string);
  /**
   * "namespace/name" of the pod; empty for hand-made endpoints.
   */
  'pod'?: (string);
}

export interface Endpoint__Output {
  'address': (string);
  'port': (number);
  /**
   * Empty when the pod has no version label.
   */
  'workloadVersion': (string);
  /**
   * "namespace/name" of the pod; empty for hand-made endpoints.
   */
  'pod': (string);
}
