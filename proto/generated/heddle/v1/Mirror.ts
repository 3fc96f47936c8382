// Original file: proto/heddle/v1/resources.proto


/**
 * A copy of numerator / denominator of the requests goes to the cluster.
 */
export interface Mirror {
  'displayName'?: (string);
  /**
   * Empty when the reference is invalid: nothing is mirrored.
   */
  'cluster'?: (string);
  'numerator'?: (number);
  'denominator'?: (number);
}

/**
 * A copy of numerator / denominator of the requests goes to the cluster.
 */
export interface Mirror__Output {
  'displayName': (string);
  /**
   * Empty when the reference is invalid: nothing is mirrored.
   */
  'cluster': (string);
  'numerator': (number);
  'denominator': (number);
}
