// Original file: proto/heddle/v1/discovery.proto

import type { ResourceError as _heddle_v1_ResourceError, ResourceError__Output as _heddle_v1_ResourceError__Output } from '../../heddle/v1/ResourceError.ts';

export interface Acknowledge {
  'nonce'?: (string);
  'errors'?: (_heddle_v1_ResourceError)[];
}

export interface Acknowledge__Output {
  'nonce': (string);
  'errors': (_heddle_v1_ResourceError__Output)[];
}
