// Original file: proto/heddle/v1/resources.proto


export interface ValueMatch {
  'name'?: (string);
  'value'?: (string);
  /**
   * RE2 syntax, full match.
   */
  'regularExpression'?: (boolean);
}

export interface ValueMatch__Output {
  'name': (string);
  'value': (string);
  /**
   * RE2 syntax, full match.
   */
  'regularExpression': (boolean);
}
