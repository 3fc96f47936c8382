// Original file: proto/heddle/v1/resources.proto


/**
 * Points at one match of one rule.
 */
export interface RouteEntry {
  'route'?: (number);
  'rule'?: (number);
  'match'?: (number);
}

/**
 * Points at one match of one rule.
 */
export interface RouteEntry__Output {
  'route': (number);
  'rule': (number);
  'match': (number);
}
