// Original file: proto/heddle/v1/resources.proto

import type { Match as _heddle_v1_Match, Match__Output as _heddle_v1_Match__Output } from '../../heddle/v1/Match.ts';
import type { HeaderModifier as _heddle_v1_HeaderModifier, HeaderModifier__Output as _heddle_v1_HeaderModifier__Output } from '../../heddle/v1/HeaderModifier.ts';
import type { Mirror as _heddle_v1_Mirror, Mirror__Output as _heddle_v1_Mirror__Output } from '../../heddle/v1/Mirror.ts';
import type { Backend as _heddle_v1_Backend, Backend__Output as _heddle_v1_Backend__Output } from '../../heddle/v1/Backend.ts';

export interface Rule {
  /**
   * The rule's own name, may be empty. Its identity is "namespace/name/index".
   */
  'name'?: (string);
  'matches'?: (_heddle_v1_Match)[];
  'requestHeaders'?: (_heddle_v1_HeaderModifier | null);
  'responseHeaders'?: (_heddle_v1_HeaderModifier | null);
  'mirrors'?: (_heddle_v1_Mirror)[];
  /**
   * Empty: every request is answered 500.
   */
  'backends'?: (_heddle_v1_Backend)[];
  /**
   * Non-empty: the rule asks for what is not supported; every request is answered 500. For people.
   */
  'unsupported'?: (string);
}

export interface Rule__Output {
  /**
   * The rule's own name, may be empty. Its identity is "namespace/name/index".
   */
  'name': (string);
  'matches': (_heddle_v1_Match__Output)[];
  'requestHeaders': (_heddle_v1_HeaderModifier__Output | null);
  'responseHeaders': (_heddle_v1_HeaderModifier__Output | null);
  'mirrors': (_heddle_v1_Mirror__Output)[];
  /**
   * Empty: every request is answered 500.
   */
  'backends': (_heddle_v1_Backend__Output)[];
  /**
   * Non-empty: the rule asks for what is not supported; every request is answered 500. For people.
   */
  'unsupported': (string);
}
