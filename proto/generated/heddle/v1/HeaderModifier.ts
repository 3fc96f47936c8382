// Original file: proto/heddle/v1/resources.proto

import type { Header as _heddle_v1_Header, Header__Output as _heddle_v1_Header__Output } from '../../heddle/v1/Header.ts';

export interface HeaderModifier {
  'set'?: (_heddle_v1_Header)[];
  'add'?: (_heddle_v1_Header)[];
  'remove'?: (string)[];
}

export interface HeaderModifier__Output {
  'set': (_heddle_v1_Header__Output)[];
  'add': (_heddle_v1_Header__Output)[];
  'remove': (string)[];
}
