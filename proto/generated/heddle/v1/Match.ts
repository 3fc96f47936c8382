// Original file: proto/heddle/v1/resources.proto

import type { ValueMatch as _heddle_v1_ValueMatch, ValueMatch__Output as _heddle_v1_ValueMatch__Output } from '../../heddle/v1/ValueMatch.ts';

// Original file: proto/heddle/v1/resources.proto

export const _heddle_v1_Match_PathType = {
  PATH_PREFIX: 'PATH_PREFIX',
  PATH_EXACT: 'PATH_EXACT',
  PATH_REGULAR_EXPRESSION: 'PATH_REGULAR_EXPRESSION',
} as const;

export type _heddle_v1_Match_PathType =
  | 'PATH_PREFIX'
  | 0
  | 'PATH_EXACT'
  | 1
  | 'PATH_REGULAR_EXPRESSION'
  | 2

export type _heddle_v1_Match_PathType__Output = typeof _heddle_v1_Match_PathType[keyof typeof _heddle_v1_Match_PathType]

export interface Match {
  'pathType'?: (_heddle_v1_Match_PathType);
  'path'?: (string);
  /**
   * At most one entry per lower-cased name. All must match.
   */
  'headers'?: (_heddle_v1_ValueMatch)[];
  /**
   * At most one entry per name; names are case-sensitive. All must match.
   */
  'queryParameters'?: (_heddle_v1_ValueMatch)[];
  /**
   * Empty matches every method.
   */
  'method'?: (string);
}

export interface Match__Output {
  'pathType': (_heddle_v1_Match_PathType__Output);
  'path': (string);
  /**
   * At most one entry per lower-cased name. All must match.
   */
  'headers': (_heddle_v1_ValueMatch__Output)[];
  /**
   * At most one entry per name; names are case-sensitive. All must match.
   */
  'queryParameters': (_heddle_v1_ValueMatch__Output)[];
  /**
   * Empty matches every method.
   */
  'method': (string);
}
